//! Who is logged in, and where.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use crate::demo::people::Person;

/// The table of login sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The living ones, by secret.
    alive: HashMap<String, Session>,
    /// Events that were obeyed. A copy of one must not end sessions that began since.
    obeyed: HashSet<String>,
}

#[derive(Debug)]
struct Session {
    person: Person,
    device: &'static str,
}

/// Sessions that an event has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::demo) struct Ended {
    /// Name of the person.
    pub(in crate::demo) person: String,
    /// Where the person was logged in, in alphabetical order.
    pub(in crate::demo) devices: Vec<&'static str>,
    /// When the sessions died.
    pub(in crate::demo) at: Instant,
}

impl Sessions {
    pub(super) fn begin(&mut self, secret: String, person: Person, device: &'static str) {
        self.alive.insert(secret, Session { person, device });
    }

    pub(super) fn who(&self, secret: &str) -> Option<Person> {
        self.alive.get(secret).map(|session| session.person)
    }

    /// Ends the sessions of the person with that address, if the event `jti`
    /// is new. Nothing comes of it if there were none.
    pub(super) fn end(&mut self, jti: &str, email: &str) -> Option<Ended> {
        if !self.obeyed.insert(jti.to_owned()) {
            return None;
        }
        let of_person = |_: &String, session: &mut Session| session.person.user_name() == email;
        let ended: Vec<Session> =
            self.alive.extract_if(of_person).map(|(_, session)| session).collect();
        let at = Instant::now();
        let person = ended.first()?.person.name();
        let mut devices: Vec<&'static str> = ended.iter().map(|session| session.device).collect();
        devices.sort_unstable();
        Some(Ended { person, devices, at })
    }
}
