//! Which hosts answer: how much may be under way to each, and which are left alone.
//!
//! A host begins with little, gets more with each success and half with each
//! failure. After [`FAILURES`] failures in a row its circuit is open: nothing is
//! sent there but one event from time to time. When that one arrives, the host
//! gets more step by step, so that a receiver that comes back is not run over.

use std::{collections::HashMap, sync::Arc, time::Duration};

use reqwest::Url;

use crate::{
    store::{DeliveryMethod, Stream},
    tenant::{StreamId, TenantId},
};

/// Failures in a row after which a host is left alone.
pub(super) const FAILURES: u32 = 20;
/// How long it is left alone at first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LAST_WAIT: Duration = Duration::from_mins(5);
/// What may be under way to a host at first, and at most.
const FIRST_ROOM: usize = 4;
const MOST_ROOM: usize = 64;
/// Hosts that are remembered though nothing is wrong with them.
const MEMORY: usize = 10_000;

/// What an attempt says of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered.
    Up,
    /// It did not, or could not do anything for us.
    Down,
    /// Nothing: no attempt was made.
    Unknown,
}

/// What a change of a circuit asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    None,
    /// What waits for these streams is to be given back.
    Opened(Vec<StreamId>),
    /// These streams can be delivered to again.
    Closed(Vec<(TenantId, StreamId)>),
}

/// The circuits of all hosts.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    hosts: HashMap<Arc<str>, Circuit>,
    of: HashMap<StreamId, Arc<str>>,
}

#[derive(Debug)]
struct Circuit {
    streams: HashMap<StreamId, TenantId>,
    failures: u32,
    room: usize,
    under_way: usize,
    /// If it is open: how long it is left alone now, and until when.
    open: Option<(Duration, i64)>,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { streams: HashMap::new(), failures: 0, room: FIRST_ROOM, under_way: 0, open: None }
    }
}

impl Circuit {
    fn has_room(&self, now_us: i64) -> bool {
        match self.open {
            Some((_, until_us)) => until_us <= now_us && self.under_way == 0,
            None => self.under_way < self.room,
        }
    }

    /// Whether its host has not shown yet that it answers, or no longer does.
    fn is_doubtful(&self) -> bool {
        self.room <= FIRST_ROOM
    }

    fn is_well(&self) -> bool {
        self.failures == 0 && self.under_way == 0 && self.open.is_none()
    }

    fn ended(&mut self, health: Health, now_us: i64) -> Turn {
        self.under_way = self.under_way.saturating_sub(1);
        match health {
            Health::Unknown => Turn::None,
            Health::Up => {
                self.failures = 0;
                self.room = (self.room + 1).min(MOST_ROOM);
                match self.open.take() {
                    Some(_) => {
                        let streams = self.streams.iter();
                        Turn::Closed(streams.map(|(stream, tenant)| (*tenant, *stream)).collect())
                    }
                    None => Turn::None,
                }
            }
            Health::Down => {
                self.failures = self.failures.saturating_add(1);
                self.room = (self.room / 2).max(1);
                let wait = match self.open {
                    // It was under way before the circuit opened.
                    Some((_, until_us)) if now_us < until_us => return Turn::None,
                    Some((wait, _)) => (wait * 2).min(LAST_WAIT),
                    None if self.failures < FAILURES => return Turn::None,
                    None => FIRST_WAIT,
                };
                let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                self.open = Some((wait, now_us.saturating_add(wait_us)));
                Turn::Opened(self.streams.keys().copied().collect())
            }
        }
    }
}

impl Circuits {
    /// Notes where a stream leads.
    pub(super) fn learn(&mut self, stream: &Stream) {
        let host: Arc<str> = host(stream).into();
        if MEMORY < self.hosts.len() {
            self.hosts.retain(|_, circuit| !circuit.is_well());
            let hosts = &self.hosts;
            self.of.retain(|_, host| hosts.contains_key(host));
        }
        if let Some(before) = self.of.insert(stream.id, Arc::clone(&host))
            && before != host
            && let Some(circuit) = self.hosts.get_mut(&before)
        {
            circuit.streams.remove(&stream.id);
        }
        self.hosts.entry(host).or_default().streams.insert(stream.id, stream.tenant);
    }

    /// Whether something may be sent to the stream's host now.
    pub(super) fn has_room(&self, stream: StreamId, now_us: i64) -> bool {
        self.circuit(stream).is_none_or(|circuit| circuit.has_room(now_us))
    }

    /// Whether the stream's host has yet to show that it answers.
    pub(super) fn is_doubtful(&self, stream: StreamId) -> bool {
        self.circuit(stream).is_none_or(Circuit::is_doubtful)
    }

    /// What is under way to hosts that have yet to show that they answer.
    pub(super) fn doubtful(&self) -> usize {
        let doubtful = self.hosts.values().filter(|circuit| circuit.is_doubtful());
        doubtful.map(|circuit| circuit.under_way).sum()
    }

    /// Streams whose hosts have yet to show that they answer.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = StreamId> {
        let doubtful = self.hosts.values().filter(|circuit| circuit.is_doubtful());
        doubtful.flat_map(|circuit| circuit.streams.keys().copied())
    }

    /// Streams that are left alone now.
    pub(super) fn closed_to(&self, now_us: i64) -> impl Iterator<Item = StreamId> {
        let open = self
            .hosts
            .values()
            .filter(move |circuit| circuit.open.is_some_and(|(_, until_us)| now_us < until_us));
        open.flat_map(|circuit| circuit.streams.keys().copied())
    }

    /// Notes that something is under way to the stream.
    pub(super) fn started(&mut self, stream: StreamId) {
        if let Some(circuit) = self.circuit_mut(stream) {
            circuit.under_way += 1;
        }
    }

    /// Notes how what was under way to the stream ended.
    pub(super) fn ended(&mut self, stream: StreamId, health: Health, now_us: i64) -> Turn {
        self.circuit_mut(stream).map_or(Turn::None, |circuit| circuit.ended(health, now_us))
    }

    fn circuit(&self, stream: StreamId) -> Option<&Circuit> {
        self.hosts.get(self.of.get(&stream)?)
    }

    fn circuit_mut(&mut self, stream: StreamId) -> Option<&mut Circuit> {
        self.hosts.get_mut(self.of.get(&stream)?)
    }
}

/// Host and port of a stream's endpoint.
fn host(stream: &Stream) -> String {
    let url = match &stream.method {
        DeliveryMethod::Push { endpoint_url } | DeliveryMethod::Sink { endpoint_url, .. } => {
            endpoint_url.as_str()
        }
        DeliveryMethod::Poll => "",
    };
    let parsed = Url::parse(url).ok();
    let place = parsed.as_ref().and_then(|it| Some((it.host_str()?, it.port_or_known_default())));
    match place {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => url.to_owned(),
    }
}
