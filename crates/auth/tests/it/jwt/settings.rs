//! Settings that are refused.

use std::time::Duration;

use codeflow_auth::{ErrorKind, SignedTokens, Signing, TokenSettings};

use super::forge::{World, settings};

#[test]
fn settings_that_cannot_hold_are_refused_by_name() {
    let seconds = Duration::from_secs;
    let short = "a secret of thirty-one bytes...";
    assert_eq!(short.len(), 31);
    let table = [
        ("issuer", TokenSettings { issuer: String::new(), ..settings() }),
        ("issuer", TokenSettings { issuer: "i".repeat(256), ..settings() }),
        ("audience", TokenSettings { audience: String::new(), ..settings() }),
        ("lifetime", TokenSettings { lifetime: Duration::ZERO, ..settings() }),
        ("lifetime", TokenSettings { lifetime: seconds(3601), ..settings() }),
        ("lifetime", TokenSettings { lifetime: Duration::from_millis(1500), ..settings() }),
        ("leeway", TokenSettings { leeway: seconds(301), ..settings() }),
        ("leeway", TokenSettings { leeway: Duration::from_millis(500), ..settings() }),
        ("rotate_every", TokenSettings { rotate_every: seconds(3600), ..settings() }),
        ("secret", TokenSettings { signing: Signing::Hs256(short.to_owned().into()), ..settings() }),
    ];
    for (field, settings) in table {
        let error = SignedTokens::new(settings, World::new().sources()).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{field}");
        assert_eq!(error.path(), Some(field));
    }
}

#[test]
fn what_is_printed_of_tokens_holds_no_secret() {
    let signing = Signing::Hs256("0123456789abcdef0123456789abcdef".to_owned().into());
    let world = World::with(TokenSettings { signing: signing.clone(), ..settings() });

    assert!(!format!("{:?} {signing:?}", world.tokens).contains("0123456789"));
}
