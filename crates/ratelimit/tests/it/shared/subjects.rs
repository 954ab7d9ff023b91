//! Under which names limits are asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_ratelimit::{
    ClassRates, EndpointClass, Error, Gate, LeaseReply, LeaseRequest, Rate, RuleBook, Rules, SharedGate,
    SharedLimiter, SharedLimits, Sharing,
};

use super::world::{World, sleep};

/// Remembers who was asked for, and allows nothing.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

#[async_trait]
impl SharedLimits for Asked {
    async fn lease(&self, requests: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error> {
        let mut asked = self.0.lock().expect("nobody panics");
        asked.extend(requests.iter().map(|request| request.subject.clone()));
        let reply = LeaseReply { is_taken: false, surplus: 0, lease: 0, owed: (1, 0), at: 0 };
        Ok(vec![reply; requests.len()])
    }

    async fn reach(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_asked_for_as_it_is_written() {
    let (world, asked) = (World::new(), Arc::new(Asked::default()));
    let limiter = Arc::new(SharedLimiter::new(asked.clone(), world.clock.clone(), Sharing::default()));
    let (running, stop) = (limiter.clone(), world.tasks.stop_token());
    world.tasks.spawn("limits", async move { running.run(stop).await });
    while limiter.is_degraded() {
        sleep(1).await;
    }
    let address = ClassRates { all: Some(Rate::per_minute(1)), ..ClassRates::default() };
    let book = RuleBook::new(Rules { address, ..Rules::default() }).expect("they make sense");
    let gate = SharedGate::new(Arc::new(book), limiter);
    let octets = [0, 1, 9, 10, 19, 99, 100, 101, 110, 200, 255];
    let mut addresses: Vec<IpAddr> =
        octets.map(|octet| Ipv4Addr::new(octet, 10, 255 - octet, 7).into()).into();
    addresses.push(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0).into());

    for address in &addresses {
        gate.enter(*address, EndpointClass::Read).await;
    }

    let written: Vec<String> = addresses.iter().map(|address| format!("@{address}")).collect();
    assert_eq!(*asked.0.lock().expect("nobody panics"), written);
}
