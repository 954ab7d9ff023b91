//! Clients that dawdle: the others are served all the same. Those in great numbers are met by the program itself.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::live::Line;
use crate::manage::house::House;

#[tokio::test]
async fn heads_without_end_and_bodies_without_end_hold_nobody_up() {
    let house = House::new().await;
    let token = house.tokens["operator"].clone();
    let mut held = Vec::new();

    for turn in 0..300 {
        let mut line = Line::open(&house.live).await;
        line.say("POST /api/v1/keys HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n").await;
        match turn % 3 {
            // A head that goes on.
            0 => line.say(&format!("x-{turn}: {}\r\n", "a".repeat(8_000))).await,
            // A body that does not come.
            1 => line.say(&format!("authorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{")).await,
            // Half of a connection.
            _ => {
                line.say(&format!("authorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{")).await;
                line.0.shutdown().await.expect("it can be closed");
            }
        }
        held.push(line);
    }

    for _ in 0..10 {
        assert_eq!(house.ask("viewer", "GET /api/v1/me", None).await.status, 200);
    }
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let mut flood = Line::open(&house.live).await;
    flood.say(&format!("GET /api/health HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    let refused = flood.rest().await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
    let large = format!("x-large: {}\r\n", "a".repeat(70_000));
    let mut flood = TcpStream::connect(house.live.address).await.expect("the server accepts");
    // The server may close before all of it is written.
    let _ = flood.write_all(format!("GET /api/health HTTP/1.1\r\nhost: x\r\n{large}\r\n").as_bytes()).await;
    let refused = Line(flood).rest().await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_told_so() {
    let house = House::new().await;
    let token = &house.tokens["operator"];
    let mut line = Line::open(&house.live).await;
    let head = format!("POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    let kind = "content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 50\r\n\r\n";

    line.say(&format!("{head}{kind}")).await;
    // From here on the server waits for the body.
    line.until("100 Continue").await;
    tokio::time::pause();
    let late = line.rest().await;

    assert!(late.contains("HTTP/1.1 408") && late.contains("api.body_late"), "{late}");
}
