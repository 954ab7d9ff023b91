//! What comes back from the browser, and what of it is believed.

use std::time::Duration;

use codeflow_auth::ErrorKind::{self, NotFound, SignInFailed};
use codeflow_auth::SignInAnswer;
use serde_json::json;

use super::issuer::Lies;
use super::world::World;

#[tokio::test]
async fn an_answer_that_is_not_the_one_awaited_is_refused() {
    type Change = fn(&mut SignInAnswer);
    let table: [(&str, &str, Change, ErrorKind); 14] = [
        ("an unknown state", "local", |answer| answer.state = "A".repeat(43), SignInFailed),
        ("no state", "local", |answer| answer.state.clear(), SignInFailed),
        ("an endless state", "local", |answer| answer.state = "A".repeat(100_000), SignInFailed),
        ("another browser", "local", |answer| answer.browser = "A".repeat(43), SignInFailed),
        ("no browser", "local", |answer| answer.browser.clear(), SignInFailed),
        ("no code", "local", |answer| answer.code = None, SignInFailed),
        ("an empty code", "local", |answer| answer.code = Some(String::new()), SignInFailed),
        ("an endless code", "local", |answer| answer.code = Some("c".repeat(5000)), SignInFailed),
        ("another code", "local", |answer| answer.code = Some("code-99".to_owned()), SignInFailed),
        ("a refusal", "local", |answer| answer.error = Some("access_denied".to_owned()), SignInFailed),
        (
            "another issuer",
            "local",
            |answer| answer.iss = Some("https://evil.example".to_owned()),
            SignInFailed,
        ),
        ("no issuer from one who says it", "local", |answer| answer.iss = None, SignInFailed),
        ("another service", "other", |_| {}, SignInFailed),
        ("no service", "nobody", |_| {}, NotFound),
    ];
    for (name, provider, change, kind) in table {
        let world = World::new().await;
        let begun = world.providers.begin("local", None).await.unwrap();
        let mut answer = world.say_yes(&begun).await;
        change(&mut answer);

        let error = world.providers.finish(provider, &answer).await.expect_err(name);

        assert_eq!(error.kind(), kind, "{name}");
        assert!(!error.to_string().contains("evil"), "{name}");
        let tokens = usize::from(name == "another code");
        assert_eq!(world.issuer.asked("/token"), tokens, "{name}: nobody is told a code that is not theirs");
    }
}

#[tokio::test]
async fn what_is_printed_of_an_answer_holds_no_secret() {
    let world = World::new().await;
    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = world.say_yes(&begun).await;

    let printed = format!("{answer:?}");

    assert!(printed.contains(answer.iss.as_deref().unwrap()));
    for secret in [&answer.state, &answer.browser, answer.code.as_ref().unwrap()] {
        assert!(!printed.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_say_from_whom_answers_are_need_not() {
    let world = World::lying(Lies {
        discovery: |document| document["authorization_response_iss_parameter_supported"] = json!(false),
        ..Lies::default()
    })
    .await;
    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = SignInAnswer { iss: None, ..world.say_yes(&begun).await };

    assert!(world.providers.finish("local", &answer).await.is_ok());
}

#[tokio::test]
async fn a_state_is_good_once_whatever_comes_of_it() {
    let world = World::new().await;
    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = world.say_yes(&begun).await;

    assert!(world.providers.finish("local", &answer).await.is_ok());
    assert_eq!(world.providers.finish("local", &answer).await.unwrap_err().kind(), SignInFailed);

    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = world.say_yes(&begun).await;
    let refused = SignInAnswer { browser: String::new(), ..answer.clone() };
    world.providers.finish("local", &refused).await.unwrap_err();
    assert_eq!(world.providers.finish("local", &answer).await.unwrap_err().kind(), SignInFailed);
    assert_eq!(world.issuer.asked("/token"), 1);
}

#[tokio::test]
async fn a_code_that_was_used_is_refused_by_the_issuer() {
    let world = World::new().await;
    let first = world.providers.begin("local", None).await.unwrap();
    let second = world.providers.begin("local", None).await.unwrap();
    let (first, second) = (world.say_yes(&first).await, world.say_yes(&second).await);
    world.providers.finish("local", &first).await.unwrap();

    let replayed = SignInAnswer { code: first.code.clone(), ..second };
    let error = world.providers.finish("local", &replayed).await.unwrap_err();

    assert_eq!(error.to_string(), "the other service does not accept the code");
}

/// PKCE and the nonce bind a code to the sign-in for which it was made.
#[tokio::test]
async fn a_code_of_another_sign_in_is_refused() {
    let world = World::new().await;
    let (mine, theirs) = (
        world.providers.begin("local", None).await.unwrap(),
        world.providers.begin("local", None).await.unwrap(),
    );
    let (mine, theirs) = (world.say_yes(&mine).await, world.say_yes(&theirs).await);

    let mixed = SignInAnswer { code: theirs.code.clone(), ..mine };

    assert_eq!(world.providers.finish("local", &mixed).await.unwrap_err().kind(), SignInFailed);
}

#[tokio::test]
async fn ten_minutes_are_enough() {
    let world = World::new().await;
    let begun = world.providers.begin("plain", None).await.unwrap();
    let late = world.providers.begin("plain", None).await.unwrap();
    let (answer, late) = (world.say_yes(&begun).await, world.say_yes(&late).await);

    world.clock.advance(Duration::from_secs(600) - Duration::from_micros(1));
    assert!(world.providers.finish("plain", &answer).await.is_ok());
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.providers.finish("plain", &late).await.unwrap_err().kind(), SignInFailed);
}

#[tokio::test]
async fn a_sign_in_that_was_changed_in_storage_is_refused() {
    let world = World::new().await;
    let begun = world.providers.begin("local", None).await.unwrap();
    let answer = world.say_yes(&begun).await;
    world.kept.attempts.lock().unwrap()[0].secret[20] ^= 1;

    assert_eq!(world.providers.finish("local", &answer).await.unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn nobody_begins_with_a_service_that_is_not_there_or_while_storage_is_away() {
    let world = World::new().await;
    assert_eq!(world.providers.begin("nobody", None).await.unwrap_err().kind(), NotFound);

    world.kept.go_away(true);
    assert_eq!(world.providers.begin("local", None).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.providers.names().collect::<Vec<_>>(), ["local", "other", "plain"]);
    assert!(!format!("{:?}", world.providers).contains(super::world::CLIENT_SECRET));
}
