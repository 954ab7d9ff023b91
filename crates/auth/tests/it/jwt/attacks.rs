//! Tokens that are not ours, or not any more: each is refused with a code of its own kind.

mod claims;
mod header;
mod shape;

use codeflow_auth::ErrorKind;
use codeflow_core::Coded;

use super::forge::World;

/// A name, a token, and how it is refused.
type Case = (String, String, ErrorKind);

fn case(name: impl Into<String>, token: impl Into<String>, kind: ErrorKind) -> Case {
    (name.into(), token.into(), kind)
}

#[tokio::test]
async fn every_attack_is_refused_with_its_code() {
    let world = World::new();
    let valid = world.issue().await;
    let withdrawn = withdrawn(&world, &valid).await;
    // Everything that is forged from here on is signed with a key that is accepted.
    let mut cases = vec![withdrawn];
    let valid = world.issue().await;
    world.kept.keys.lock().unwrap().remove(0);
    cases.extend(header::without_signature(&world));
    cases.extend(header::confused_algorithms(&world));
    cases.extend(header::names_of_keys(&world));
    cases.extend(header::keys_in_the_header(&world));
    cases.extend(header::headers(&world));
    cases.extend(claims::audiences_and_issuers(&world));
    cases.extend(claims::missing_claims(&world));
    cases.extend(claims::claims_of_a_wrong_type(&world));
    cases.extend(claims::times(&world));
    cases.extend(shape::shapes(&world, &valid));
    cases.extend(shape::encodings(&world, &valid));
    cases.extend(shape::signatures(&world, &valid).await);

    assert!(world.verify(&valid).await.is_ok());
    assert!(cases.len() >= 150, "there are {} cases", cases.len());
    for (name, token, kind) in &cases {
        let error = world.verify(token).await.expect_err(name);
        assert_eq!(error.code(), kind.code(), "{name}");
        assert!(
            token.len() < 20 || !error.to_string().contains(token.as_str()),
            "{name}: the error says the token"
        );
    }
}

async fn withdrawn(world: &World, valid: &str) -> Case {
    assert!(world.verify(valid).await.is_ok());
    let id = world.keys()[0].id.clone();
    world.tokens.withdraw(&id).await.unwrap();
    case("a key that was withdrawn", valid, ErrorKind::UnknownSigningKey)
}
