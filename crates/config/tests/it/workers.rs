//! How a process works on executions.

use std::path::Path;
use std::time::Duration;

use codeflow_config::{Environment, SecretReference, WakeupMode};

use crate::given::{load, refused, settings};

#[test]
fn without_settings_a_worker_takes_from_one_queue_and_listens() {
    let worker = settings("").worker;

    assert_eq!((worker.concurrency, worker.lanes), (16, vec!["default".to_owned()]));
    assert_eq!((worker.grace, worker.lease), (Duration::from_secs(10), Duration::from_secs(15)));
    assert_eq!((worker.poll, worker.wakeups), (Duration::from_secs(1), WakeupMode::Listen));
    assert!(worker.redis_url.is_none() && worker.listen.is_none());
    assert!(worker.redis_ca.is_none() && worker.redis_prefix.is_none());
}

#[test]
fn a_redis_has_authorities_and_a_name_for_the_installation() {
    let text =
        "[worker]\nredis_url = { env = \"REDIS\" }\nredis_ca = \"/etc/ca.pem\"\nredis_prefix = \"eu-1\"\n";

    let worker = settings(text).worker;

    assert_eq!(worker.redis_ca.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(worker.redis_prefix.as_deref(), Some("eu-1"));
}

#[test]
fn a_worker_may_be_set_from_file_and_environment() {
    let environment = Environment::from([
        ("CODEFLOW_WORKER__LANES", "gpu, default, gpu"),
        ("CODEFLOW_WORKER__LISTEN", "127.0.0.1:9464"),
    ]);
    let text =
        "[worker]\nwakeups = \"redis\"\nredis_url = { env = \"REDIS\" }\nlease = \"1m\"\npoll = \"200ms\"\n";

    let worker = load(text, &environment).expect("it is valid").worker;

    assert_eq!(worker.lanes, ["default", "gpu"]);
    assert_eq!(worker.listen.expect("it is set").port(), 9464);
    assert_eq!((worker.lease.as_secs(), worker.poll.as_millis()), (60, 200));
    assert_eq!(worker.wakeups, WakeupMode::Redis);
    assert!(matches!(worker.redis_url, Some(SecretReference::Env(name)) if name == "REDIS"));
}

#[test]
fn what_no_worker_can_do_is_refused() {
    refused([
        ("[worker]\nconcurrency = 10001\n", "`worker.concurrency` must be at most 10000"),
        ("[worker]\nlanes = []\n", "`worker.lanes` must name 1 to 64 queues"),
        ("[worker]\nlanes = [\"a b\"]\n", "`worker.lanes` needs a name of 1 to 64 letters"),
        ("[worker]\nlease = \"500ms\"\n", "`worker.lease` must be from 1s to 600s"),
        ("[worker]\nlease = \"11m\"\n", "`worker.lease` must be from 1s to 600s"),
        ("[worker]\npoll = \"1ms\"\n", "`worker.poll` must be from 10ms to 60s"),
        ("[worker]\ngrace = \"2h\"\n", "`worker.grace` must be from"),
        ("[worker]\ngrace = 0\n", "`worker.grace` must be longer than nothing"),
        ("[worker]\nwakeups = \"redis\"\n", "`worker.redis_url` has to say where that is"),
        ("[worker]\nwakeups = \"bells\"\n", "none of `listen`, `redis`, `poll`"),
        ("[worker]\nredis_ca = \"/ca.pem\"\n", "`worker.redis_ca` is of no use without `worker.redis_url`"),
        ("[worker]\nredis_prefix = \"a:b\"\n", "`worker.redis_prefix` needs a name of 1 to 64 letters"),
        ("[worker]\nlisten = \"here\"\n", "`worker.listen` is not an address"),
    ]);
}
