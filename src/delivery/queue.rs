//! Claims that wait in memory for their turn.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use uuid::Uuid;

use super::circuit::{Circuits, Health, Turn};
use crate::{
    store::{Claim, PER_STREAM, Stream},
    tenant::StreamId,
};

/// Groups in flight, over all streams.
pub(super) const IN_FLIGHT: usize = 512;
/// Of those, groups in flight to hosts that have yet to show that they answer:
/// however many receivers hang, there is room for those that do not.
pub(super) const IN_DOUBT: usize = IN_FLIGHT / 2;
/// Groups in flight to one stream, so that a slow receiver cannot hold up all.
pub(super) const IN_FLIGHT_PER_STREAM: usize = 16;
/// Claims held at a time of a stream whose host has yet to show that it answers.
const IN_DOUBT_PER_STREAM: usize = 4;

/// Claims about one subject at one stream, in the order they must be sent.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) stream: Arc<Stream>,
    pub(super) claims: Vec<Claim>,
    /// When others may take the claims, in microseconds since 1970.
    pub(super) leased_until_us: i64,
}

impl Group {
    /// Whether it takes someone's access away; such groups go first.
    fn is_urgent(&self) -> bool {
        self.claims.iter().any(|claim| claim.uri.is_revocation())
    }
}

/// What waits, and how much is in flight.
#[derive(Debug, Default)]
pub(super) struct Queue {
    urgent: VecDeque<Group>,
    other: VecDeque<Group>,
    in_flight: HashMap<StreamId, usize>,
    circuits: Circuits,
}

impl Queue {
    /// Sorts claims into groups and lets them wait.
    pub(super) fn add(&mut self, claims: Vec<Claim>, leased_until_us: i64) {
        for group in group(claims, leased_until_us) {
            self.circuits.learn(&group.stream);
            match group.is_urgent() {
                true => self.urgent.push_back(group),
                false => self.other.push_back(group),
            }
        }
    }

    /// How many claims wait that could go if there were a place. What waits for its
    /// own host takes no room from others; each stream has little of it.
    pub(super) fn waiting(&self, now_us: i64) -> usize {
        let doubt = self.circuits.doubtful();
        let waiting = self.urgent.iter().chain(&self.other);
        let could_go = waiting.filter(|group| self.may_start(group.stream.id, doubt, now_us));
        could_go.map(|group| group.claims.len()).sum()
    }

    /// Whether the stream and its host may have one more group in flight, while
    /// `doubt` are in flight to hosts that have yet to show that they answer.
    fn may_start(&self, stream: StreamId, doubt: usize, now_us: i64) -> bool {
        self.in_flight.get(&stream).is_none_or(|&count| count < IN_FLIGHT_PER_STREAM)
            && self.circuits.has_room(stream, now_us)
            && (doubt < IN_DOUBT || !self.circuits.is_doubtful(stream))
    }

    /// What waits or is in flight, by stream; a group in flight counts once. A
    /// stream that is to be left alone has more than it may have, and one whose host
    /// has yet to show that it answers may have little.
    pub(super) fn held(&self, now_us: i64) -> HashMap<StreamId, usize> {
        let mut held = self.in_flight.clone();
        for group in self.urgent.iter().chain(&self.other) {
            *held.entry(group.stream.id).or_default() += group.claims.len();
        }
        for stream in self.circuits.in_doubt() {
            *held.entry(stream).or_default() += PER_STREAM - IN_DOUBT_PER_STREAM;
        }
        held.extend(self.circuits.closed_to(now_us).map(|stream| (stream, usize::MAX)));
        held
    }

    /// Takes the next group that may be sent now.
    pub(super) fn start(&mut self, now_us: i64) -> Option<Group> {
        if IN_FLIGHT <= self.in_flight.values().sum() {
            return None;
        }
        let doubt = self.circuits.doubtful();
        let may_start = |group: &Group| self.may_start(group.stream.id, doubt, now_us);
        let urgent = self.urgent.iter().position(may_start);
        let group = match urgent {
            Some(place) => self.urgent.remove(place),
            None => {
                let place = self.other.iter().position(may_start);
                place.and_then(|place| self.other.remove(place))
            }
        }?;
        *self.in_flight.entry(group.stream.id).or_default() += 1;
        self.circuits.started(group.stream.id);
        Some(group)
    }

    /// Notes that a group of the stream is no longer in flight, and what that says
    /// of its host.
    pub(super) fn finished(&mut self, stream: StreamId, health: Health, now_us: i64) -> Turn {
        if let Some(count) = self.in_flight.get_mut(&stream) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.in_flight.remove(&stream);
            }
        }
        self.circuits.ended(stream, health, now_us)
    }

    /// Takes out what waits for the stream.
    pub(super) fn remove(&mut self, stream: StreamId) -> Vec<Claim> {
        let mut removed = Vec::new();
        for lane in [&mut self.urgent, &mut self.other] {
            let (its, others): (Vec<Group>, _) =
                lane.drain(..).partition(|group| group.stream.id == stream);
            removed.extend(its.into_iter().flat_map(|group| group.claims));
            lane.extend(others);
        }
        removed
    }

    /// Takes out everything that waits.
    pub(super) fn drain(&mut self) -> Vec<Claim> {
        let groups = self.urgent.drain(..).chain(self.other.drain(..));
        groups.flat_map(|group| group.claims).collect()
    }
}

/// Groups claims by stream and subject, each in order; groups come in the order
/// of their first claim.
fn group(claims: Vec<Claim>, leased_until_us: i64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<(StreamId, Uuid), usize> = HashMap::new();
    for claim in claims {
        let key = (claim.stream.id, claim.subject_key);
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.claims.push(claim),
            None => groups.push(Group {
                stream: Arc::clone(&claim.stream),
                claims: vec![claim],
                leased_until_us,
            }),
        }
    }
    for group in &mut groups {
        group.claims.sort_by_key(|claim| claim.seq);
    }
    groups
}
