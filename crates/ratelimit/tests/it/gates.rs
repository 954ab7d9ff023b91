//! Who comes in at the gate of a process that counts alone.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_ratelimit::{
    ClassRates, Decision, EndpointClass, Gate, GateObserver, LocalGate, Outcome, Rate, RuleBook, Rules,
    Scope, Verdict, Visitor,
};

use crate::given::ManualClock;

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<(Outcome, Scope, EndpointClass)>>);

impl GateObserver for Told {
    fn decided(&self, outcome: Outcome, scope: Scope, class: EndpointClass) {
        self.0.lock().expect("nobody panics").push((outcome, scope, class));
    }
}

impl Told {
    fn take(&self) -> Vec<(Outcome, Scope, EndpointClass)> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics"))
    }
}

struct World {
    clock: Arc<ManualClock>,
    book: Arc<RuleBook>,
    told: Arc<Told>,
    gate: LocalGate,
}

fn rates(all: Option<u32>, classes: &[(EndpointClass, u32)]) -> ClassRates {
    let classes = classes.iter().map(|(class, rate)| (*class, Rate::per_minute(*rate)));
    ClassRates { all: all.map(Rate::per_minute), classes: classes.collect() }
}

fn rules() -> Rules {
    Rules {
        global: Some(Rate::per_minute(100)),
        address: rates(Some(20), &[(EndpointClass::SignIn, 3)]),
        tiers: [
            ("anonymous".to_owned(), rates(Some(2), &[])),
            ("authenticated".to_owned(), rates(Some(10), &[(EndpointClass::Write, 4)])),
            ("premium".to_owned(), rates(Some(50), &[])),
        ]
        .into(),
    }
}

impl World {
    fn new(rules: Rules) -> Self {
        let (clock, told) = (Arc::new(ManualClock::default()), Arc::new(Told::default()));
        let book = Arc::new(RuleBook::new(rules).expect("they make sense"));
        let gate = LocalGate::new(book.clone(), clock.clone()).observed(told.clone());
        Self { clock, book, told, gate }
    }

    async fn enters(&self, address: &str, class: EndpointClass) -> bool {
        let address: IpAddr = address.parse().expect("it is an address");
        self.gate.enter(address, class).await.is_none_or(|decision| decision.is_allowed())
    }

    /// How many in a row come in.
    async fn admitted(&self, visitor: &Visitor<'_>) -> u32 {
        let mut count = 0;
        while count < 1000 && self.gate.admit(visitor).await.is_none_or(|decision| decision.is_allowed()) {
            count += 1;
        }
        count
    }
}

fn visitor<'a>(name: &'a str, tier: &'a str, class: EndpointClass) -> Visitor<'a> {
    Visitor { name, tier, may_bypass: false, class }
}

#[tokio::test]
async fn each_tier_has_its_limit_and_each_principal_its_own_count() {
    let world = World::new(rules());

    for (name, tier, expected) in [
        ("ada", "authenticated", 10),
        ("eve", "authenticated", 10),
        ("bob", "premium", 50),
        ("203.0.113.1", "anonymous", 2),
        ("tom", "no-such-tier", 2),
    ] {
        let admitted = world.admitted(&visitor(name, tier, EndpointClass::Read)).await;
        assert_eq!(admitted, expected, "{name}");
    }
}

#[tokio::test]
async fn the_strictest_limit_decides_and_is_told() {
    let world = World::new(rules());
    let writing = visitor("ada", "authenticated", EndpointClass::Write);

    let first = world.gate.admit(&writing).await.expect("limits hold");
    assert_eq!((first.limit.name, first.remaining), ("write-requests", 3));
    assert_eq!(world.admitted(&writing).await, 3);
    let refused = world.gate.admit(&writing).await.expect("limits hold");
    assert_eq!(
        (refused.limit.name, refused.verdict),
        ("write-requests", Verdict::Later(Duration::from_secs(15)))
    );
    let reading = world.gate.admit(&visitor("ada", "authenticated", EndpointClass::Read)).await;

    let reading = reading.expect("limits hold");
    assert_eq!((reading.limit.name, reading.remaining), ("requests", 5), "what was refused was given back");
}

#[tokio::test]
async fn of_two_limits_that_refuse_the_longer_wait_is_told() {
    let mut rules = rules();
    rules.tiers.insert("slow".to_owned(), rates(Some(1), &[(EndpointClass::Read, 2)]));
    rules
        .tiers
        .get_mut("slow")
        .expect("it is there")
        .classes
        .insert(EndpointClass::Read, Rate::per_minute(1));
    rules.tiers.get_mut("slow").expect("it is there").all = Some(Rate { per_minute: 60, burst: Some(1) });
    let world = World::new(rules);
    let ada = visitor("ada", "slow", EndpointClass::Read);
    assert_eq!(world.admitted(&ada).await, 1);

    let refused = world.gate.admit(&ada).await.expect("limits hold");

    let wait = refused.retry_after().expect("waiting helps");
    assert_eq!((refused.limit.name, wait), ("read-requests", Duration::from_secs(60)));
    world.clock.advance(wait - Duration::from_secs(1));
    assert_eq!(world.admitted(&ada).await, 0, "a second less does not do");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.admitted(&ada).await, 1);
}

#[tokio::test]
async fn an_address_is_limited_before_anybody_is_known() {
    let world = World::new(rules());

    for _ in 0..3 {
        assert!(world.enters("203.0.113.1", EndpointClass::SignIn).await);
    }
    assert!(!world.enters("203.0.113.1", EndpointClass::SignIn).await, "guesses are limited first");
    assert!(!world.enters("::ffff:203.0.113.1", EndpointClass::SignIn).await, "it is the same address");
    assert!(world.enters("203.0.113.1", EndpointClass::Read).await, "the rest goes on");
    assert!(world.enters("203.0.113.2", EndpointClass::SignIn).await);
}

#[tokio::test]
async fn a_network_of_ipv6_counts_as_one_address() {
    let world = World::new(rules());

    for host in 0..3 {
        assert!(world.enters(&format!("2001:db8:0:1::{host}"), EndpointClass::SignIn).await);
    }

    assert!(!world.enters("2001:db8:0:1:ffff::", EndpointClass::SignIn).await);
    assert!(world.enters("2001:db8:0:2::1", EndpointClass::SignIn).await);
}

#[tokio::test]
async fn the_limit_of_all_holds_whoever_comes() {
    let world = World::new(rules());

    for count in 0..100 {
        assert!(world.enters(&format!("203.0.113.{count}"), EndpointClass::Read).await, "{count}");
    }

    assert!(!world.enters("203.0.113.200", EndpointClass::Read).await);
    assert!(world.enters("203.0.113.200", EndpointClass::Health).await, "health is always told");
}

#[tokio::test]
async fn who_may_bypass_limits_is_admitted_and_counted() {
    let world = World::new(rules());
    let admin = Visitor { may_bypass: true, ..visitor("root", "anonymous", EndpointClass::Admin) };

    let decisions =
        [world.gate.admit(&admin).await, world.gate.admit(&admin).await, world.gate.admit(&admin).await];

    assert!(decisions.iter().flatten().all(|decision| decision.is_allowed()));
    let beyond = decisions.map(|decision| decision.expect("a limit holds").is_beyond());
    assert_eq!(beyond, [false, false, true]);
    let told = |outcome| (outcome, Scope::Principal, EndpointClass::Admin);
    assert_eq!(
        world.told.take(),
        [told(Outcome::Admitted), told(Outcome::Admitted), told(Outcome::Bypassed)]
    );
}

#[tokio::test]
async fn what_was_decided_is_told_by_scope_and_class() {
    let world = World::new(rules());

    while world.enters("203.0.113.1", EndpointClass::SignIn).await {}
    world.gate.admit(&visitor("ada", "authenticated", EndpointClass::Health)).await;

    let admitted = (Outcome::Admitted, Scope::AddressClass, EndpointClass::SignIn);
    let refused = (Outcome::Refused, Scope::AddressClass, EndpointClass::SignIn);
    assert_eq!(world.told.take(), [admitted, admitted, admitted, refused]);
}

#[tokio::test]
async fn limits_that_change_keep_what_was_used() {
    let world = World::new(rules());
    let ada = visitor("ada", "authenticated", EndpointClass::Read);
    assert_eq!(world.admitted(&ada).await, 10);

    let mut wider = rules();
    wider.tiers.insert("authenticated".to_owned(), rates(Some(15), &[]));
    world.book.replace(wider.clone()).expect("they make sense");

    assert_eq!(world.admitted(&ada).await, 5);
    assert_eq!(world.book.rules(), wider);
}

#[tokio::test]
async fn without_limits_everybody_comes_in() {
    let world = World::new(Rules::default());

    assert_eq!(world.admitted(&visitor("ada", "authenticated", EndpointClass::Write)).await, 1000);
    assert_eq!(world.gate.enter(IpAddr::from([203, 0, 113, 1]), EndpointClass::SignIn).await, None);
    assert!(world.told.take().is_empty());
}

#[tokio::test]
async fn programs_of_the_settings_are_not_limited_by_rules_that_do_not_know_them() {
    let mut knowing = rules();
    knowing.tiers.insert(Rules::SERVICE.to_owned(), rates(Some(7), &[]));
    let nightly = visitor("nightly", Rules::SERVICE, EndpointClass::Model);

    assert_eq!(World::new(rules()).admitted(&nightly).await, 1000);
    assert_eq!(World::new(knowing).admitted(&nightly).await, 7);
}

#[tokio::test]
async fn names_of_principals_and_addresses_are_never_taken_for_each_other() {
    let world = World::new(Rules { tiers: [("t".to_owned(), rates(Some(3), &[]))].into(), ..rules() });

    for _ in 0..20 {
        assert!(world.enters("203.0.113.1", EndpointClass::Read).await);
    }

    assert!(!world.enters("203.0.113.1", EndpointClass::Read).await);
    for name in ["203.0.113.1", "@203.0.113.1", ":203.0.113.1", ""] {
        assert_eq!(world.admitted(&visitor(name, "t", EndpointClass::Read)).await, 3, "{name}");
    }
}

#[tokio::test]
async fn of_what_two_gates_say_the_nearer_limit_is_told() {
    let world = World::new(rules());
    let address = IpAddr::from([203, 0, 113, 1]);
    let entered = world.gate.enter(address, EndpointClass::Read).await;
    let admitted = world.gate.admit(&visitor("ada", "authenticated", EndpointClass::Read)).await;
    while world.enters("203.0.113.1", EndpointClass::Read).await {}
    let refused = world.gate.enter(address, EndpointClass::Read).await;

    assert_eq!(Decision::strictest(None, None), None);
    assert_eq!(Decision::strictest(entered, None), entered);
    assert_eq!(Decision::strictest(None, admitted), admitted);
    assert_eq!(Decision::strictest(entered, admitted), admitted, "of that a tenth is gone, not a twentieth");
    assert_eq!(Decision::strictest(refused, admitted), refused);
}
