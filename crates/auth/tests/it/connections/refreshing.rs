//! Tokens become fresh: once, by one, and nothing is lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use codeflow_auth::{ConnectionTokens, ErrorKind};
use codeflow_core::Tenant;
use serde_json::json;

use super::world::{World, get};
use crate::kept::Trouble;

#[tokio::test]
async fn a_token_is_refreshed_when_it_is_good_for_no_more_than_a_minute() {
    let world = World::new().await;

    world.clock.advance(Duration::from_secs(3540) - Duration::from_micros(1));
    assert_eq!(world.get().await.unwrap(), "access-1");
    assert!(world.service.asked().is_empty());

    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.get().await.unwrap(), "access-2");
    assert_eq!(world.get().await.unwrap(), "access-2");
    assert_eq!(world.service.asked().len(), 1);
    let listed = world.connections.list(&Tenant::default()).await.unwrap();
    assert_eq!(listed[0].scopes, ["repo", "read:org"]);
    assert_eq!(listed[0].expires_at, world.tokens().expires_at);
}

#[tokio::test]
async fn each_refresh_token_is_used_once() {
    let world = World::new().await;

    for number in 2..6 {
        world.go_on(3600);
        assert_eq!(world.get().await.unwrap(), format!("access-{number}"));
    }

    let used: Vec<_> =
        world.service.asked().iter().map(|asked| asked.form["refresh_token"].clone()).collect();
    assert_eq!(used, ["refresh-1", "refresh-2", "refresh-3", "refresh-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_in_several_processes_one_refreshes() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    let processes = [world.process(), world.process(), world.process()];

    let handles: Vec<_> = (0..60)
        .map(|number| {
            let process = processes[number % 3].clone();
            world.tasks.spawn("caller", async move { get(&process).await })
        })
        .collect();
    world.service.until_asked(1).await;
    world.service.hold(false);

    for handle in handles {
        assert_eq!(handle.await.unwrap().unwrap().unwrap(), "access-2");
    }
    assert_eq!(world.service.asked().len(), 1);
}

/// Two see a token that is over and that nobody refreshes, and only one of them may begin.
#[tokio::test]
async fn of_two_processes_that_look_at_the_same_moment_one_refreshes() {
    let world = World::new().await;
    world.go_on(3600);
    // Each looks twice before it begins.
    world.kept.meetings.store(4, Ordering::SeqCst);
    let (one, other) = (world.process(), world.process());

    let (one, other) = tokio::join!(get(&one), get(&other));

    assert_eq!((one.unwrap(), other.unwrap()), ("access-2".to_owned(), "access-2".to_owned()));
    assert_eq!(world.service.asked().len(), 1);
}

/// Those who wait in the same process do not ask storage again and again.
#[tokio::test]
async fn who_waits_in_the_same_process_looks_once_before_and_once_after() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    let before = world.kept.looks.load(Ordering::SeqCst);
    let looks = || world.kept.looks.load(Ordering::SeqCst) - before;

    let handles: Vec<_> = (0..20)
        .map(|_| {
            let process = world.connections.clone();
            world.tasks.spawn("caller", async move { get(&process).await })
        })
        .collect();
    world.service.until_asked(1).await;
    while looks() < 21 {
        tokio::task::yield_now().await;
    }
    world.service.hold(false);
    for handle in handles {
        assert_eq!(handle.await.unwrap().unwrap().unwrap(), "access-2");
    }

    // Each before, the one who refreshes once more, and the others when it is done.
    assert_eq!(looks(), 20 + 1 + 19);
}

#[tokio::test]
async fn a_caller_who_leaves_takes_no_token_along() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    {
        let call = world.get();
        tokio::pin!(call);
        tokio::select! {
            biased;
            _ = &mut call => unreachable!("nobody answers yet"),
            () = world.service.until_asked(1) => {}
        }
    }
    world.service.hold(false);

    assert_eq!(world.get().await.unwrap(), "access-2");
    assert_eq!(world.service.asked().len(), 1);
}

/// The service gives its tokens out once.
#[tokio::test]
async fn what_the_service_gave_out_is_kept_though_storage_is_away_for_a_moment() {
    for troubles in [
        vec![Trouble::Fails, Trouble::Fails],
        vec![Trouble::LosesItsAnswer],
        vec![Trouble::Fails, Trouble::LosesItsAnswer],
    ] {
        let world = World::new().await;
        world.go_on(3600);
        world.service.hold(true);
        let process = world.process();
        let caller = world.tasks.spawn("caller", async move { get(&process).await });
        world.service.until_asked(1).await;
        world.kept.troubles.lock().unwrap().extend(troubles.clone());
        world.service.hold(false);

        assert_eq!(caller.await.unwrap().unwrap().unwrap(), "access-2", "{troubles:?}");
        assert_eq!(world.get().await.unwrap(), "access-2");
        world.go_on(3600);
        assert_eq!(world.get().await.unwrap(), "access-3", "{troubles:?}");
    }
}

#[tokio::test]
async fn storage_that_stays_away_is_not_waited_for_for_ever() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    let process = world.process();
    let caller = world.tasks.spawn("caller", async move { get(&process).await });
    world.service.until_asked(1).await;
    world.kept.troubles.lock().unwrap().extend([Trouble::Fails; 1000]);
    let left = || world.kept.troubles.lock().unwrap().len();
    world.service.hold(false);
    while left() == 1000 {
        tokio::task::yield_now().await;
    }
    // Nothing but time can happen from here on.
    tokio::time::pause();

    assert_eq!(caller.await.unwrap().unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!((900..950).contains(&left()), "it was tried {} times", 1000 - left());
}

#[tokio::test]
async fn what_is_put_while_a_token_is_refreshed_stays() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    let process = world.process();
    let caller = world.tasks.spawn("caller", async move { get(&process).await });
    world.service.until_asked(1).await;

    let new = ConnectionTokens { access_token: "connected-again".to_owned().into(), ..world.tokens() };
    world.put(new).await.unwrap();
    world.service.hold(false);

    assert_eq!(caller.await.unwrap().unwrap().unwrap(), "connected-again");
    assert_eq!(world.get().await.unwrap(), "connected-again");
}

#[tokio::test]
async fn a_process_that_died_while_it_refreshed_is_waited_for_no_longer_than_its_lease() {
    let world = World::new().await;
    world.go_on(3600);
    world.service.hold(true);
    let process = world.process();
    let caller = world.tasks.spawn("caller", async move { get(&process).await });
    world.service.until_asked(1).await;
    let leased = world.kept.connections.lock().unwrap().clone();
    world.service.hold(false);
    caller.await.unwrap();
    // As if it had died before it could keep what it got; the service does not know that.
    *world.kept.connections.lock().unwrap() = leased;
    world.service.next(200, json!({"access_token": "after-all", "expires_in": 3600}).to_string());

    world.go_on(30);

    assert_eq!(world.get().await.unwrap(), "after-all");
}

#[tokio::test]
async fn who_waits_for_another_process_does_not_wait_for_ever() {
    let world = World::new().await;
    world.go_on(3590);
    world.service.hold(true);
    let process = world.process();
    let caller = world.tasks.spawn("caller", async move { get(&process).await });
    world.service.until_asked(1).await;

    // Another process has ten seconds left, and does not wait at all.
    assert_eq!(world.get().await.unwrap(), "access-1");
    world.go_on(10);
    // Nothing but time can happen to it from here on.
    let leased = world.kept.connections.lock().unwrap().clone();
    world.service.hold(false);
    caller.await.unwrap();
    *world.kept.connections.lock().unwrap() = leased;
    tokio::time::pause();

    assert_eq!(world.get().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.service.asked().len(), 1);
}

#[tokio::test]
async fn a_service_that_gives_no_new_refresh_token_gets_the_old_one_again() {
    let world = World::new().await;
    for number in 0..3 {
        world.go_on(3600);
        world
            .service
            .next(200, json!({"access_token": format!("a{number}"), "expires_in": 3600}).to_string());

        assert_eq!(world.get().await.unwrap(), format!("a{number}"));
        assert_eq!(world.service.asked().pop().unwrap().form["refresh_token"], "refresh-1");
    }
    assert_eq!(world.connections.list(&Tenant::default()).await.unwrap()[0].scopes, ["repo"]);
}

#[tokio::test]
async fn a_token_without_an_end_is_never_refreshed() {
    let world = World::new().await;
    world.put(ConnectionTokens { expires_at: None, ..world.tokens() }).await.unwrap();
    world.go_on(1_000_000_000);

    assert_eq!(world.get().await.unwrap(), "access-1");
    assert!(world.service.asked().is_empty());
}
