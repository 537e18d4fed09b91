//! Changes at the same time: the last way into an application is never overlooked.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::*;

on_both_databases! {
    async fn of_two_ways_that_close_at_once_one_is_the_last(app: TestApp) {
        let acme = app.new_tenant().await;
        let mut people = Vec::new();
        for number in 0..20 {
            people.push(user(&acme, &format!("u{number}")).await);
        }
        let everybody: Vec<&Resource> = people.iter().collect();
        let (red, blue) =
            (group(&acme, "red", &everybody).await, group(&acme, "blue", &everybody).await);
        // Blue is a way in through another group.
        let gate = group(&acme, "gate", &[&blue]).await;
        application(&app, &acme, "crm", &[&red, &gate]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ALL).await;

        let requests = people.iter().flat_map(|person| {
            [acme.patch(&red, remove(person)), acme.patch(&blue, remove(person))]
        });
        for answer in join_all(requests.map(|request| request.send())).await {
            answer.expect(200);
        }

        let mut events: BTreeMap<String, Vec<Told>> = BTreeMap::new();
        for told in crm.told().await {
            events.entry(told.person.clone()).or_default().push(told);
        }
        for person in &people {
            let told = events.remove(person.id()).unwrap_or_default();
            let names: Vec<&str> = told.iter().map(|told| told.event.as_str()).collect();
            assert_eq!(names, [DISABLED, REMOVED, REVOKED, CLAIMS], "{}", person.id());
            assert_eq!(told[3].groups.as_ref().unwrap().len(), 1, "{told:?}");
        }
        assert!(events.is_empty(), "{events:?}");
    }

    async fn a_group_is_taken_out_while_its_members_leave(app: TestApp) {
        let acme = app.new_tenant().await;
        for round in 0..10 {
            let ann = user(&acme, &format!("ann{round}")).await;
            let team = group(&acme, &format!("team{round}"), &[&ann]).await;
            let gate = group(&acme, &format!("gate{round}"), &[&team]).await;
            let name = format!("crm{round}");
            application(&app, &acme, &name, &[&gate]).await;
            let mut crm = Listener::open(&app, &acme, Some(&name), &ACCESS).await;

            let requests = [
                acme.patch(&team, remove(&ann)),
                acme.patch(&gate, remove(&team)),
                acme.delete(&gate),
            ];
            let answers = join_all(requests.map(|request| request.send())).await;

            for answer in answers {
                assert!([200, 204, 404].contains(&answer.status), "{answer}");
            }
            crm.expect("once", &[(&ann, DISABLED), (&ann, REVOKED), (&ann, REMOVED)]).await;
        }
    }
}
