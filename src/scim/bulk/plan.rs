//! In which order to do the operations of a bulk request (RFC 7644 §3.7, §3.7.1).
//!
//! The order is that of the request, except that what is referred to comes
//! before what refers to it. Operations that refer to each other in a circle
//! stand together. What was to be done before an operation that has to wait, or
//! after one that comes early, keeps its place wherever the two touch the same
//! thing: the same resource, or a name that only one can have.
//!
//! The work grows with the request: each reference is looked at a fixed number of times.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{Method, Operation, Refused};

/// The operations in the order in which to do them, by their places in the
/// request; those of one inner list refer to each other in a circle.
pub fn plan(operations: &[Result<Operation, Refused>]) -> Vec<Vec<usize>> {
    let needs = needs(operations);
    let mut units = circles(&needs);
    // From here on the number of a unit tells its place in the request.
    units.sort_by_key(|members| members.first().copied());
    let mut unit_of = vec![0; operations.len()];
    for (unit, members) in units.iter().enumerate() {
        for member in members {
            if let Some(place) = unit_of.get_mut(*member) {
                *place = unit;
            }
        }
    }
    let of = |operation: usize| unit_of.get(operation).copied().unwrap_or_default();
    let mut graph = Graph::new(units.len());
    for (operation, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|needed| graph.hard(of(*needed), of(operation)));
    }
    for (before, after) in touching(operations) {
        graph.soft(of(before), of(after));
    }
    let mut units: Vec<Option<Vec<usize>>> = units.into_iter().map(Some).collect();
    graph.order().into_iter().filter_map(|unit| units.get_mut(unit)?.take()).collect()
}

/// The POST that each operation needs, by its place.
fn needs(operations: &[Result<Operation, Refused>]) -> Vec<Vec<usize>> {
    let mut made: HashMap<&str, usize> = HashMap::new();
    for (place, operation) in operations.iter().enumerate() {
        if let Ok(Operation { method: Method::Post, bulk_id: Some(name), .. }) = operation {
            made.entry(name).or_insert(place);
        }
    }
    let needed = |operation: &Operation| -> Vec<usize> {
        let mut needed: Vec<usize> =
            operation.needs().filter_map(|name| made.get(name).copied()).collect();
        needed.sort_unstable();
        needed.dedup();
        needed
    };
    operations.iter().map(|it| it.as_ref().map(needed).unwrap_or_default()).collect()
}

/// What an operation touches, so that its order counts.
#[derive(PartialEq, Eq, Hash)]
enum Thing<'a> {
    /// A resource, by its id or its `bulkId:`.
    Resource(&'a str),
    /// The resources of a type: a change may free or take a name.
    Type(&'a str),
    /// A name that only one resource of a type can have.
    Name(&'a str, String),
}

/// Who touched a thing so far.
#[derive(Default)]
struct Touched {
    changed: Option<usize>,
    read: Vec<usize>,
}

/// Pairs of operations that touch the same thing, at least one changing it.
fn touching(operations: &[Result<Operation, Refused>]) -> Vec<(usize, usize)> {
    let mut things: HashMap<Thing<'_>, Touched> = HashMap::new();
    let mut pairs = Vec::new();
    for (place, operation) in operations.iter().enumerate() {
        let Ok(operation) = operation else { continue };
        let (changes, reads) = touches(operation);
        for thing in reads {
            let touched = things.entry(thing).or_default();
            pairs.extend(touched.changed.map(|before| (before, place)));
            touched.read.push(place);
        }
        for thing in changes {
            let touched = things.entry(thing).or_default();
            pairs.extend(touched.changed.replace(place).map(|before| (before, place)));
            pairs.extend(touched.read.drain(..).map(|before| (before, place)));
        }
    }
    pairs.retain(|(before, after)| before != after);
    pairs
}

/// What an operation changes, and what it only depends on.
fn touches(operation: &Operation) -> (Vec<Thing<'_>>, Vec<Thing<'_>>) {
    let kind = operation.resource_type.endpoint.as_str();
    let mut reads: Vec<Thing<'_>> =
        operation.refers_to.iter().map(|id| Thing::Resource(id)).collect();
    match &operation.id {
        Some(id) => (vec![Thing::Resource(id), Thing::Type(kind)], reads),
        None => {
            reads.push(Thing::Type(kind));
            let name = ["userName", "displayName"].into_iter().find_map(|name| {
                let mut members = operation.data.iter();
                let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.and_then(|(_, value)| value.as_str())
            });
            let changes = name.map(|name| Thing::Name(kind, name.to_lowercase()));
            (changes.into_iter().collect(), reads)
        }
    }
}

/// The strongly connected parts of a graph, each in ascending order (Tarjan's
/// algorithm, without recursion: a client chooses how deep it goes).
fn circles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        needs,
        found: vec![None; needs.len()],
        lowest: vec![0; needs.len()],
        open: vec![false; needs.len()],
        stack: Vec::new(),
        parts: Vec::new(),
        next: 0,
    };
    for start in 0..needs.len() {
        search.from(start);
    }
    search.parts
}

struct Search<'a> {
    needs: &'a [Vec<usize>],
    /// When each node was found.
    found: Vec<Option<usize>>,
    /// The earliest open node that each can reach.
    lowest: Vec<usize>,
    open: Vec<bool>,
    stack: Vec<usize>,
    parts: Vec<Vec<usize>>,
    next: usize,
}

impl Search<'_> {
    fn from(&mut self, start: usize) {
        let mut path: Vec<(usize, usize)> = Vec::new();
        self.enter(start, &mut path);
        while let Some((node, edge)) = path.pop() {
            let Some(next) = self.needs.get(node).and_then(|needs| needs.get(edge)).copied() else {
                self.leave(node, path.last().map(|(parent, _)| *parent));
                continue;
            };
            path.push((node, edge + 1));
            match self.found.get(next).copied().flatten() {
                None => self.enter(next, &mut path),
                Some(when) if self.open.get(next).copied().unwrap_or(false) => {
                    self.lower(node, when);
                }
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize, path: &mut Vec<(usize, usize)>) {
        let Some(found @ None) = self.found.get_mut(node) else { return };
        *found = Some(self.next);
        set(&mut self.lowest, node, self.next);
        set(&mut self.open, node, true);
        self.next += 1;
        self.stack.push(node);
        path.push((node, 0));
    }

    fn leave(&mut self, node: usize, parent: Option<usize>) {
        let lowest = self.lowest.get(node).copied().unwrap_or_default();
        if let Some(parent) = parent {
            self.lower(parent, lowest);
        }
        if self.found.get(node).copied().flatten() != Some(lowest) {
            return;
        }
        let mut part = Vec::new();
        while let Some(member) = self.stack.pop() {
            set(&mut self.open, member, false);
            part.push(member);
            if member == node {
                break;
            }
        }
        part.sort_unstable();
        self.parts.push(part);
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Some(lowest) = self.lowest.get_mut(node) {
            *lowest = to.min(*lowest);
        }
    }
}

fn set<T>(list: &mut [T], place: usize, value: T) {
    if let Some(found) = list.get_mut(place) {
        *found = value;
    }
}

/// What must or should come after what.
struct Graph {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// What it needs; never in a circle.
    needs: Vec<usize>,
    /// What waits for it, and whether it must.
    waiting: Vec<(usize, bool)>,
    must_wait: usize,
    should_wait: usize,
    done: bool,
}

impl Graph {
    fn new(nodes: usize) -> Self {
        Self { nodes: std::iter::repeat_with(Node::default).take(nodes).collect() }
    }

    fn hard(&mut self, before: usize, after: usize) {
        self.edge(before, after, true);
    }

    fn soft(&mut self, before: usize, after: usize) {
        self.edge(before, after, false);
    }

    fn edge(&mut self, before: usize, after: usize, must: bool) {
        if before == after {
            return;
        }
        if let Some(node) = self.nodes.get_mut(before) {
            node.waiting.push((after, must));
        }
        if let Some(node) = self.nodes.get_mut(after) {
            match must {
                true => {
                    node.must_wait += 1;
                    node.needs.push(before);
                }
                false => node.should_wait += 1,
            }
        }
    }

    /// Every node after what it must wait for, otherwise in order; a node that only
    /// should wait, for something that waits for it, does not.
    fn order(mut self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let free = |(place, node): (usize, &Node)| {
            (node.must_wait == 0 && node.should_wait == 0).then_some(Reverse(place))
        };
        let mut ready: BinaryHeap<_> = self.nodes.iter().enumerate().filter_map(free).collect();
        let mut first = 0;
        while order.len() < self.nodes.len() {
            if let Some(Reverse(node)) = ready.pop() {
                self.take(node, &mut order, &mut ready);
                continue;
            }
            while self.is_done(first) {
                first += 1;
            }
            // The first that waits goes on as soon as what it needs is there.
            let needed = self.needed_by(first);
            let next = if needed.is_empty() { vec![first] } else { needed };
            for node in next {
                self.take(node, &mut order, &mut ready);
            }
        }
        order
    }

    fn is_done(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.done)
    }

    fn take(
        &mut self,
        node: usize,
        order: &mut Vec<usize>,
        ready: &mut BinaryHeap<Reverse<usize>>,
    ) {
        let Some(taken) = self.nodes.get_mut(node).filter(|node| !node.done) else { return };
        taken.done = true;
        order.push(node);
        for (after, must) in std::mem::take(&mut taken.waiting) {
            let Some(waiting) = self.nodes.get_mut(after) else { continue };
            match must {
                true => waiting.must_wait -= 1,
                false => waiting.should_wait -= 1,
            }
            if waiting.must_wait == 0 && waiting.should_wait == 0 && !waiting.done {
                ready.push(Reverse(after));
            }
        }
    }

    /// What must be done before `node`, each after what it needs itself.
    fn needed_by(&self, node: usize) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let (mut needed, mut path) = (Vec::new(), vec![(node, 0)]);
        while let Some((at, edge)) = path.pop() {
            let next = self.nodes.get(at).and_then(|node| node.needs.get(edge)).copied();
            let Some(next) = next else {
                needed.push(at);
                continue;
            };
            path.push((at, edge + 1));
            if !self.is_done(next) && !seen.get(next).copied().unwrap_or(true) {
                set(&mut seen, next, true);
                path.push((next, 0));
            }
        }
        needed.pop();
        needed
    }
}
