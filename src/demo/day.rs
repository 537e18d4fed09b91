//! A directory's day: what it sends, and what has to come of it.
//!
//! Every step looks at what the service says afterwards, not only at its answer.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use http::StatusCode;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    application::Ended,
    directory::equal,
    people::{self, COLLEAGUE, DELETED, ENTERPRISE, GROUPS, LEAVER, NEXT, Person},
    stage::Stage,
    story::{Failed, Fault, Story},
};
use crate::clock::Clock;

/// A session that is alive any longer was not ended.
const DEADLINE: Duration = Duration::from_secs(5);
const ALIVE: u16 = 200;
const DEAD: u16 = 401;

/// The day, as far as it has come.
#[derive(Debug)]
struct Day<'a> {
    stage: &'a mut Stage,
    clock: Clock,
    /// Ids at the service.
    ids: HashMap<Person, String>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: &'static str,
    path: String,
    members: BTreeSet<String>,
}

/// Secrets of the sessions that are looked at.
#[derive(Debug)]
struct Logins {
    leaver: [String; 2],
    deleted: String,
    staying: [String; 2],
}

/// What is left of the day.
#[derive(Debug)]
pub(super) struct Evening {
    /// From the SCIM answer to the dead session.
    pub(super) took: Duration,
    /// Id of somebody who still has a session.
    pub(super) next_id: String,
}

/// Plays the day.
pub(super) async fn play(stage: &mut Stage, story: &Story) -> Result<Evening, Failed> {
    let (ids, groups) = (HashMap::new(), Vec::new());
    let mut day = Day { stage, clock: Clock::system(), ids, groups };
    story.step("directory", "tests the connection: nobody of that name", day.test()).await?;
    story.step("directory", "creates 50 users", day.create_users()).await?;
    story.step("directory", "creates 3 groups", day.create_groups()).await?;
    story.step("directory", "puts everybody into a group", day.add_members()).await?;
    let what = format!("gives {} a title and another department", COLLEAGUE.name());
    story.step("directory", &what, day.update()).await?;

    let logins = day.log_in();
    let what = "serves 4 people in 5 sessions";
    story.step("application", what, day.look(&logins, ALIVE, ALIVE)).await?;
    let took = day.leave(story, &logins).await?;
    day.vanish(story, &logins).await?;
    let counted = async {
        day.count().await?;
        day.id(NEXT)
    };
    let next_id = story.step("directory", "counts 49 users, 48 of them active", counted).await?;
    Ok(Evening { took, next_id })
}

impl Day<'_> {
    /// What a directory asks when its administrator presses "Test connection".
    async fn test(&self) -> Result<(), Fault> {
        let filter = format!("userName eq \"{}\"", self.clock.new_id());
        equal("users of a name nobody has", 0, self.stage.directory.count("/Users", &filter).await?)
    }

    async fn create_users(&mut self) -> Result<(), Fault> {
        for (person, department) in Person::all().into_iter().zip(GROUPS.into_iter().cycle()) {
            let user = person.user(&self.clock.new_id().to_string(), department);
            let filter = format!("userName eq \"{}\"", person.user_name());
            let id = self.stage.directory.create("/Users", &filter, &user).await?;
            self.ids.insert(person, id);
        }
        equal("active users", 50, self.stage.directory.count("/Users", "active eq true").await?)
    }

    async fn create_groups(&mut self) -> Result<(), Fault> {
        for name in GROUPS {
            let group = people::group(name, &self.clock.new_id().to_string());
            let filter = format!("displayName eq \"{name}\"");
            let id = self.stage.directory.create("/Groups", &filter, &group).await?;
            let (path, members) = (format!("/Groups/{id}"), BTreeSet::new());
            self.groups.push(Group { name, path, members });
        }
        Ok(())
    }

    async fn add_members(&mut self) -> Result<(), Fault> {
        for (at, group) in self.groups.iter_mut().enumerate() {
            let members = Person::all().into_iter().skip(at).step_by(GROUPS.len());
            group.members = members.filter_map(|person| self.ids.get(&person).cloned()).collect();
            let patch = people::add_members(group.members.iter());
            self.stage.directory.patch(&group.path, &patch, StatusCode::OK).await?;
        }
        equal("members", 50, self.groups.iter().map(|group| group.members.len()).sum::<usize>())?;
        self.look_at_members().await
    }

    /// Checks that each group has its members and no others.
    async fn look_at_members(&self) -> Result<(), Fault> {
        for group in &self.groups {
            let came = self.stage.directory.get(&group.path).await?;
            let members = came.get("members").and_then(Value::as_array).into_iter().flatten();
            let ids = members.filter_map(|member| member.get("value")?.as_str().map(str::to_owned));
            let ids: Vec<String> = ids.collect::<BTreeSet<_>>().into_iter().collect();
            let expected: Vec<String> = group.members.iter().cloned().collect();
            equal(&format!("members of {}", group.name), expected, ids)?;
        }
        Ok(())
    }

    async fn update(&self) -> Result<(), Fault> {
        let (title, department) = ("Head of Support", "Support");
        let patch = people::promote(title, department);
        let path = self.path(COLLEAGUE)?;
        self.stage.directory.patch(&path, &patch, StatusCode::OK).await?;
        let user = self.stage.directory.get(&path).await?;
        equal("title", title, user.get("title").cloned())?;
        let employee = user.get(ENTERPRISE).and_then(|it| it.get("department"));
        equal("department", department, employee.cloned())
    }

    fn log_in(&self) -> Logins {
        let log_in = |person, device| self.stage.application.log_in(&person, device);
        Logins {
            leaver: [log_in(LEAVER, "laptop"), log_in(LEAVER, "phone")],
            deleted: log_in(DELETED, "laptop"),
            staying: [log_in(COLLEAGUE, "laptop"), log_in(NEXT, "laptop")],
        }
    }

    /// Asks for the page in everybody's place; those who stay are always served.
    async fn look(&self, logins: &Logins, leaver: u16, deleted: u16) -> Result<(), Fault> {
        let browser = &self.stage.browser;
        for session in &logins.leaver {
            equal("status for the leaver", leaver, browser.open(session).await?)?;
        }
        equal("status for the deleted", deleted, browser.open(&logins.deleted).await?)?;
        for session in &logins.staying {
            equal("status for a colleague", ALIVE, browser.open(session).await?)?;
        }
        Ok(())
    }

    /// The deactivation; gives the time from its answer to the end of the sessions.
    async fn leave(&mut self, story: &Story, logins: &Logins) -> Result<Duration, Failed> {
        let what = format!("deactivates {}", LEAVER.name());
        let answered = story.step("directory", &what, self.deactivate()).await?;

        let ended = self.wait_for(LEAVER, &["laptop", "phone"]).await;
        let took = ended.as_ref().map_or(DEADLINE, |at| at.saturating_duration_since(answered));
        let what = "verifies the signed session-revoked, ends laptop and phone";
        story.tell(took, "application", what, ended)?;

        let what = format!("refuses {} (401), serves {} (200)", LEAVER.name(), COLLEAGUE.name());
        story.step("application", &what, self.look(logins, DEAD, ALIVE)).await?;
        Ok(took)
    }

    async fn deactivate(&self) -> Result<Instant, Fault> {
        let path = self.path(LEAVER)?;
        let patch = people::deactivate();
        let answer = self.stage.directory.patch(&path, &patch, StatusCode::OK).await?;
        equal("active", false, answer.body.get("active").cloned())?;
        Ok(answer.at)
    }

    /// The deletion.
    async fn vanish(&mut self, story: &Story, logins: &Logins) -> Result<(), Failed> {
        let what = format!("deletes {}", DELETED.name());
        let answered = story.step("directory", &what, self.delete()).await?;

        let ended = self.wait_for(DELETED, &["laptop"]).await;
        let took = ended.as_ref().map_or(DEADLINE, |at| at.saturating_duration_since(answered));
        story.tell(took, "application", "verifies another, ends the laptop", ended)?;

        let what = format!("refuses {} as well", DELETED.name());
        story.step("application", &what, self.look(logins, DEAD, DEAD)).await
    }

    async fn delete(&mut self) -> Result<Instant, Fault> {
        let path = self.path(DELETED)?;
        let answer = self.stage.directory.delete(&path).await?;
        let id = self.id(DELETED)?;
        for group in &mut self.groups {
            group.members.remove(&id);
        }
        self.stage.directory.is_gone(&path).await?;
        Ok(answer.at)
    }

    async fn count(&self) -> Result<(), Fault> {
        let directory = &self.stage.directory;
        equal("users", 49, directory.count("/Users", "userName pr").await?)?;
        equal("active users", 48, directory.count("/Users", "active eq true").await?)?;
        self.look_at_members().await
    }

    /// Waits until the sessions of `person`, and of nobody else, have ended.
    async fn wait_for(&mut self, person: Person, devices: &[&str]) -> Result<Instant, Fault> {
        let expected = format!("the sessions of {} to end", person.name());
        match timeout(DEADLINE, self.stage.ended.recv()).await {
            Ok(Some(Ended { person: name, devices: which, at })) => {
                equal("sessions that end are those of", person.name(), name)?;
                equal("devices", devices, which)?;
                Ok(at)
            }
            Ok(None) => Err(Fault::new(expected, "the end of the application")),
            Err(_) => Err(Fault::new(expected, format!("nothing within {DEADLINE:?}"))),
        }
    }

    fn id(&self, person: Person) -> Result<String, Fault> {
        let id = self.ids.get(&person).cloned();
        id.ok_or_else(|| Fault::new("an id", format!("no user {}", person.name())))
    }

    fn path(&self, person: Person) -> Result<String, Fault> {
        Ok(format!("/Users/{}", self.id(person)?))
    }
}
