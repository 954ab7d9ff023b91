//! Services that speak OAuth 2 alone.

use codeflow_auth::ErrorKind;
use serde_json::json;

use super::issuer::{Instead, Lies};
use super::world::World;

#[tokio::test]
async fn somebody_signs_in_with_their_confirmed_first_address() {
    let world = World::new().await;

    let identity = world.sign_in("plain").await.unwrap().identity;

    assert_eq!((identity.issuer, &*identity.subject), (world.issuer.url(), "4711"));
    assert_eq!((identity.name.as_deref(), identity.email.as_deref()), (Some("ada"), Some("ada@example.com")));
    assert!(identity.email_verified);
}

#[tokio::test]
async fn an_address_that_is_not_confirmed_is_none() {
    for change in [
        (|emails| emails[1]["verified"] = json!(false)) as fn(&mut serde_json::Value),
        |emails| emails[1]["primary"] = json!(false),
        |emails| *emails = json!([]),
    ] {
        let world = World::lying(Lies { keys: change, ..Lies::default() }).await;

        let identity = world.sign_in("plain").await.unwrap().identity;

        assert_eq!((identity.email, identity.email_verified), (None, false));
    }
}

#[tokio::test]
async fn a_service_without_addresses_is_not_asked_for_them() {
    let world = World::with(Lies::default(), |settings| {
        if let codeflow_auth::Protocol::OAuth2(paths) = &mut settings.protocol {
            paths.emails = None;
        }
    })
    .await;

    let identity = world.sign_in("plain").await.unwrap().identity;

    assert_eq!(identity.email, None);
    assert_eq!(world.issuer.asked("/plain/emails"), 0);
}

#[tokio::test]
async fn answers_that_name_nobody_are_refused() {
    let table: [(&str, Lies, ErrorKind); 9] = [
        ("no id", lie(|user| user["id"] = json!(null)), ErrorKind::SignInFailed),
        ("an empty id", lie(|user| user["id"] = json!("")), ErrorKind::SignInFailed),
        ("a list for an id", lie(|user| user["id"] = json!([1])), ErrorKind::SignInFailed),
        (
            "an error in place of a token",
            Lies { tokens: |tokens| *tokens = json!({"error": "bad_verification_code"}), ..Lies::default() },
            ErrorKind::SignInFailed,
        ),
        (
            "a token of another type",
            Lies { tokens: |tokens| tokens["token_type"] = json!("mac"), ..Lies::default() },
            ErrorKind::SignInFailed,
        ),
        (
            "a token that no header can hold",
            Lies { tokens: |tokens| tokens["access_token"] = json!("a\nb"), ..Lies::default() },
            ErrorKind::SignInFailed,
        ),
        (
            "nobody is known",
            Lies { instead: Some(("/plain/user", Instead::Status(401))), ..Lies::default() },
            ErrorKind::SignInFailed,
        ),
        (
            "addresses to somewhere else",
            Lies { instead: Some(("/plain/emails", Instead::ToMetadata)), ..Lies::default() },
            ErrorKind::SignInFailed,
        ),
        (
            "a service that is not well",
            Lies { instead: Some(("/plain/token", Instead::Status(500))), ..Lies::default() },
            ErrorKind::Unavailable,
        ),
    ];
    for (name, lies, kind) in table {
        let world = World::lying(lies).await;

        assert_eq!(world.sign_in("plain").await.expect_err(name).kind(), kind, "{name}");
    }
}

fn lie(user_info: fn(&mut serde_json::Value)) -> Lies {
    Lies { user_info, ..Lies::default() }
}
