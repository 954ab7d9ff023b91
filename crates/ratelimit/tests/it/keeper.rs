//! Limits that change while servers run.

use std::sync::Arc;
use std::time::Duration;

use codeflow_ratelimit::{ErrorKind, Rate, RuleBook, RuleKeeper, Rules};
use codeflow_testkit::conformance::LimitRulesSubject;
use codeflow_testkit::{MemoryRules, limit_rules_conformance};
use tokio_util::sync::CancellationToken;

async fn memory() -> LimitRulesSubject {
    LimitRulesSubject::new(Arc::new(MemoryRules::default()), ())
}

limit_rules_conformance!(memory);

fn of(per_minute: u32) -> Rules {
    Rules { global: Some(Rate::per_minute(per_minute)), ..Rules::default() }
}

/// A process with limits of 7 in its settings.
fn process(store: &Arc<MemoryRules>) -> (Arc<RuleBook>, Arc<RuleKeeper>) {
    let book = Arc::new(RuleBook::new(of(7)).expect("they make sense"));
    (book.clone(), Arc::new(RuleKeeper::new(store.clone(), book)))
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_every_process_within_five_seconds() {
    let store = Arc::new(MemoryRules::default());
    let ((here, keeper), (there, other)) = (process(&store), process(&store));
    let stop = CancellationToken::new();
    let watching = other.watch(stop.clone());
    let acting = async {
        assert_eq!(keeper.change(Some(of(9)), 0).await.expect("it can be saved"), 1);
        assert_eq!(here.rules(), of(9), "at once");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(other.current(), (1, of(9)));

        store.set_away(true);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(there.rules(), of(9), "what was read last holds");
        store.set_away(false);
        assert_eq!(keeper.change(None, 1).await.expect("it can be saved"), 2);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((there.rules(), here.rules()), (of(7), of(7)), "those of the settings hold again");
        stop.cancel();
    };

    tokio::join!(watching, acting);
}

#[tokio::test]
async fn a_change_survives_a_restart() {
    let store = Arc::new(MemoryRules::default());
    process(&store).1.change(Some(of(9)), 0).await.expect("it can be saved");

    let (book, keeper) = process(&store);
    keeper.refresh().await.expect("it can be read");

    assert_eq!(book.rules(), of(9));
}

#[tokio::test]
async fn who_has_not_seen_the_latest_limits_changes_nothing() {
    let store = Arc::new(MemoryRules::default());
    let ((_, keeper), (book, other)) = (process(&store), process(&store));
    keeper.change(Some(of(9)), 0).await.expect("it can be saved");

    let late = other.change(Some(of(11)), 0).await.expect_err("somebody was faster");
    let wrong = other.change(Some(of(0)), 1).await.expect_err("that makes no sense");

    assert_eq!((late.kind(), wrong.kind()), (ErrorKind::Conflict, ErrorKind::InvalidRules));
    assert_eq!(book.rules(), of(7));
    assert_eq!(other.current().0, 0);
    other.refresh().await.expect("it can be read");
    assert_eq!(other.current(), (1, of(9)));
}

#[tokio::test]
async fn with_nothing_kept_those_of_the_settings_hold() {
    let (book, keeper) = process(&Arc::new(MemoryRules::default()));

    keeper.refresh().await.expect("it can be read");

    assert_eq!((keeper.current(), book.rules()), ((0, of(7)), of(7)));
}
