//! What a change of groups does to the people in them: who may use which
//! application, and what the groups in their tokens are.
//!
//! It is looked at before and after the change, in its transaction, and told for
//! each person (`event::access`). Only what some receiver hears is looked for: a
//! tenant without applications and without streams of claims pays one look-up.

mod returning;
mod shift;
mod telling;

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use self::{
    shift::without,
    telling::{Changes, Telling, person},
};
use super::{ProvisionError, record::Stamp};
use crate::{
    clock::Clock,
    event::{AccessChange, Cause, EventUri, GroupClaim, Initiator, claims_event},
    scim::{ScimError, resource::ResourceId},
    store::{ApplicationRow, Audience, GroupLink, Hearer, StoreError, TenantTx},
};

pub(super) use returning::hearers_of_return;
pub(super) use shift::Shift;

/// People whose access to applications one change may decide. Each may lead to
/// several events, which all commit with the change.
const DECIDED: usize = 100_000;
/// People who are told of one by one when the groups of their tokens change; of
/// more the group's own notice tells.
const CLAIMING: usize = 1_000;
/// Steps from people to groups that are taken to find the groups of claims.
const CLAIM_STEPS: u64 = 100_000;
/// People that are looked at and told of together.
const PAGE: usize = 2_000;

/// How things stood before a change of groups.
pub(super) struct Outlook {
    shift: Shift,
    applications: Vec<Concerned>,
    /// Users who may lose something.
    leaving: Vec<ResourceId>,
    /// Users who can only gain something.
    coming: Vec<ResourceId>,
    /// In which groups of the applications those who come were.
    had: HashMap<ResourceId, Vec<ResourceId>>,
    claims: Option<Claims>,
}

/// An application that a change of groups may concern.
struct Concerned {
    row: ApplicationRow,
    /// Its groups after the change.
    after: Vec<ResourceId>,
    /// Those of its groups in which people may come and go.
    gates: BTreeSet<ResourceId>,
    /// Its receivers.
    hearers: Vec<Hearer>,
}

/// The groups of people's tokens, as they were.
struct Claims {
    hearers: Vec<Hearer>,
    people: Vec<ResourceId>,
    before: HashMap<ResourceId, Vec<GroupLink>>,
}

impl Concerned {
    fn hears(&self, uri: EventUri) -> bool {
        self.hearers.iter().any(|hearer| hearer.carries(uri))
    }

    fn hears_of_gain(&self) -> bool {
        self.hears(EventUri::FeedAdd) || self.hears(EventUri::AccountEnabled)
    }
}

impl Outlook {
    /// How things stand before `shift`; none if nobody would hear of it.
    ///
    /// `hearers` were found before anything else was read ([`TenantTx::hearers`]).
    ///
    /// # Errors
    ///
    /// `TooMany` if it decides about more than [`DECIDED`] people.
    pub(super) async fn before(
        tx: &TenantTx,
        hearers: Vec<Hearer>,
        shift: Shift,
    ) -> Result<Option<Self>, ProvisionError> {
        if hearers.is_empty() || shift.concerns_nobody() {
            return Ok(None);
        }
        let applications = concerned(tx, &hearers, &shift).await?;
        let of_claims = of_claims(hearers, &applications, &shift);
        if applications.is_empty() && of_claims.is_empty() {
            return Ok(None);
        }
        let most = if applications.is_empty() { CLAIMING } else { DECIDED };
        let leaving = shift.leaving(tx, most).await?;
        let mut coming = shift.coming(tx, most).await?;
        coming.retain(|person| leaving.binary_search(person).is_err());
        if !applications.is_empty() && DECIDED < leaving.len() + coming.len() {
            return Err(too_many().into());
        }
        let had = match applications.iter().any(Concerned::hears_of_gain) {
            true => tx.gates_of(&coming, &ids(&applications)).await?,
            false => HashMap::new(),
        };
        let mut people = [leaving.as_slice(), &coming].concat();
        if let Some(group) = shift.group.filter(|_| shift.renamed && !of_claims.is_empty()) {
            people.extend(tx.people_under(&[group], CLAIMING + 1).await?);
        }
        let claims = Claims::before(tx, of_claims, people).await?;
        Ok(Some(Self { shift, applications, leaving, coming, had, claims }))
    }

    /// Tells what the change, which is made now, did to each person.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub(super) async fn tell(
        self,
        tx: &TenantTx,
        clock: &Clock,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let occurred_at = stamp.at_us.div_euclid(1_000_000);
        let cause = Cause { occurred_at, initiator: Initiator::Admin };
        let telling = Telling { tx, clock, stamp, cause };
        let mut lost = HashSet::new();
        if !self.applications.is_empty() {
            for page in self.leaving.chunks(PAGE) {
                lost.extend(self.tell_leaving(&telling, page).await?);
            }
        }
        if self.applications.iter().any(Concerned::hears_of_gain) {
            for page in self.coming.chunks(PAGE) {
                self.tell_coming(&telling, page).await?;
            }
        }
        match &self.claims {
            Some(claims) => self.tell_claims(&telling, claims, &lost).await,
            None => Ok(()),
        }
    }

    /// Gives who lost which application.
    async fn tell_leaving(
        &self,
        telling: &Telling<'_>,
        page: &[ResourceId],
    ) -> Result<Vec<(ResourceId, Uuid)>, StoreError> {
        let has = telling.tx.gates_of(page, &ids(&self.applications)).await?;
        let (mut changes, mut lost) = (Changes::new(), Vec::new());
        for person in page {
            for concerned in &self.applications {
                let has = among(&concerned.after, has.get(person));
                let change = match AccessChange::between(&concerned.gates, &has) {
                    Some(AccessChange::Lost) => AccessChange::Lost,
                    Some(change) if concerned.row.revoke_on_privilege_loss => change,
                    _ => continue,
                };
                if change == AccessChange::Lost {
                    lost.push((*person, concerned.row.id));
                }
                changes.entry(*person).or_default().push((concerned, change));
            }
        }
        telling.access(&changes, &self.shift.why_left).await?;
        Ok(lost)
    }

    async fn tell_coming(
        &self,
        telling: &Telling<'_>,
        page: &[ResourceId],
    ) -> Result<(), StoreError> {
        let mut changes = Changes::new();
        for person in page {
            for concerned in &self.applications {
                let had = among(&concerned.row.groups, self.had.get(person));
                let has = had.union(&concerned.gates).copied().collect();
                if let Some(change) = AccessChange::between(&had, &has) {
                    changes.entry(*person).or_default().push((concerned, change));
                }
            }
        }
        telling.access(&changes, &self.shift.why_came).await
    }

    async fn tell_claims(
        &self,
        telling: &Telling<'_>,
        claims: &Claims,
        lost: &HashSet<(ResourceId, Uuid)>,
    ) -> Result<(), StoreError> {
        let after = telling.tx.groups_of(&claims.people, CLAIM_STEPS).await?;
        let Some(after) = after else { return Ok(()) };
        let mut events = Vec::new();
        for stored in telling.tx.users_among(&claims.people).await? {
            let person = person(&stored)?;
            let [had, has] = [&claims.before, &after]
                .map(|groups| groups.get(&stored.id).map(Vec::as_slice).unwrap_or_default());
            for hearer in &claims.hearers {
                let own = hearer.application.and_then(|id| self.application(id));
                if own.is_some_and(|own| lost.contains(&(stored.id, own.row.id))) {
                    continue;
                }
                let had = named(had, hearer.group_claim, own.map(|own| &own.row.groups));
                let has = named(has, hearer.group_claim, own.map(|own| &own.after));
                let reason = self.reason(stored.id);
                let draft = claims_event(&had, &has, &person, &telling.cause, reason);
                // What ends sessions goes only where sessions are ended.
                if let Some(draft) = draft.filter(|draft| hearer.carries(draft.uri)) {
                    events.push(telling.event(stored.id, Audience::Stream(hearer.stream), draft));
                }
            }
        }
        telling.append(&events).await
    }

    fn application(&self, id: Uuid) -> Option<&Concerned> {
        self.applications.iter().find(|concerned| concerned.row.id == id)
    }

    fn reason(&self, person: ResourceId) -> &str {
        match (self.leaving.binary_search(&person), self.coming.binary_search(&person)) {
            (Ok(_), _) => &self.shift.why_left,
            (Err(_), Ok(_)) => &self.shift.why_came,
            (Err(_), Err(_)) => &self.shift.why_renamed,
        }
    }
}

impl Claims {
    async fn before(
        tx: &TenantTx,
        hearers: Vec<Hearer>,
        people: Vec<ResourceId>,
    ) -> Result<Option<Self>, StoreError> {
        let mut people = people;
        people.sort();
        people.dedup();
        if hearers.is_empty() || people.is_empty() || CLAIMING < people.len() {
            return Ok(None);
        }
        let before = tx.groups_of(&people, CLAIM_STEPS).await?;
        Ok(before.map(|before| Self { hearers, people, before }))
    }
}

/// The applications with receivers that a change may concern.
async fn concerned(
    tx: &TenantTx,
    hearers: &[Hearer],
    shift: &Shift,
) -> Result<Vec<Concerned>, StoreError> {
    if hearers.iter().all(|hearer| hearer.application.is_none()) {
        return Ok(Vec::new());
    }
    let above: HashSet<ResourceId> = match shift.group {
        Some(group) => tx.groups_above(group).await?.into_iter().collect(),
        None => HashSet::new(),
    };
    let mut found = Vec::new();
    for row in tx.applications().await? {
        let (after, gates) = match &shift.regated {
            None => (row.groups.clone(), among(&row.groups, Some(&above))),
            Some(next) if next.id == row.id => {
                let changed =
                    [without(&row.groups, &next.groups), without(&next.groups, &row.groups)];
                (next.groups.clone(), changed.concat().into_iter().collect())
            }
            Some(_) => continue,
        };
        let of_it = |hearer: &&Hearer| hearer.application == Some(row.id);
        let hearers: Vec<Hearer> = hearers.iter().filter(of_it).cloned().collect();
        if !hearers.is_empty() && !gates.is_empty() {
            found.push(Concerned { row, after, gates, hearers });
        }
    }
    Ok(found)
}

/// Streams whose claims a change may concern: those for everything, and those of
/// applications whose groups it concerns.
fn of_claims(hearers: Vec<Hearer>, applications: &[Concerned], shift: &Shift) -> Vec<Hearer> {
    let concerns = |hearer: &Hearer| match hearer.application {
        None => shift.regated.is_none(),
        Some(id) => applications.iter().any(|application| application.row.id == id),
    };
    let claims = |hearer: &Hearer| hearer.carries(EventUri::TokenClaimsChange);
    hearers.into_iter().filter(|hearer| claims(hearer) && concerns(hearer)).collect()
}

fn ids(applications: &[Concerned]) -> Vec<Uuid> {
    applications.iter().map(|concerned| concerned.row.id).collect()
}

/// Those of `groups` that are in `some`.
fn among<'g>(
    groups: &[ResourceId],
    some: Option<impl IntoIterator<Item = &'g ResourceId>>,
) -> BTreeSet<ResourceId> {
    some.into_iter().flatten().filter(|group| groups.contains(group)).copied().collect()
}

/// A person's groups as a claim names them; to an application its own alone.
fn named(
    groups: &[GroupLink],
    claim: GroupClaim,
    own: Option<&Vec<ResourceId>>,
) -> BTreeSet<String> {
    let told = |group: &&GroupLink| own.is_none_or(|own| own.contains(&group.id));
    let name = |group: &GroupLink| match claim {
        GroupClaim::Name => group.name.clone(),
        GroupClaim::Id => group.id.to_string(),
    };
    groups.iter().filter(told).map(name).collect()
}

fn too_many() -> ScimError {
    ScimError::TooMany(format!(
        "the change decides about the access of more than {DECIDED} people, which is the limit; \
         change the members in parts"
    ))
}
