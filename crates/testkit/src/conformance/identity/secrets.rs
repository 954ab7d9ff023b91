//! Signing keys, secrets of the installation, and tokens for other services.

use codeflow_auth::{Connection, ErrorKind, SigningKey};

use super::{IdentitySubject, at, kind, tenant};

fn signing_key(id: &str, from: i64) -> SigningKey {
    SigningKey {
        id: id.to_owned(),
        algorithm: "EdDSA".to_owned(),
        public: r#"{"kty":"OKP"}"#.to_owned(),
        secret: vec![0, 255],
        signs_from: at(from),
        signs_until: at(from + 10),
        accepted_until: at(from + 15),
    }
}

/// As long as they are accepted.
pub async fn signing_keys_come_by_the_time_from_which_they_sign(subject: &IdentitySubject) {
    let (first, second, third) = (signing_key("z", 0), signing_key("y", 10), signing_key("x", 20));
    for key in [&third, &first, &second] {
        assert!(subject.store.add_signing_key(key).await.unwrap());
    }

    let all = [first, second, third];
    assert_eq!(subject.other.signing_keys(at(14)).await.unwrap(), all);
    assert_eq!(subject.other.signing_keys(at(15)).await.unwrap(), all[1..]);
    assert_eq!(subject.other.signing_keys(at(35)).await.unwrap(), []);
}

/// Another is not added, nor one of the same name.
pub async fn a_moment_has_one_signing_key(subject: &IdentitySubject) {
    let key = signing_key("a", 10);
    assert!(subject.store.add_signing_key(&key).await.unwrap());

    for refused in [signing_key("b", 10), signing_key("b", 19), signing_key("a", 40)] {
        assert!(!subject.store.add_signing_key(&refused).await.unwrap(), "{refused:?}");
    }
    assert_eq!(subject.store.signing_keys(at(0)).await.unwrap(), std::slice::from_ref(&key));

    assert!(subject.store.add_signing_key(&signing_key("c", 20)).await.unwrap());
    assert!(subject.store.add_signing_key(&signing_key("d", 5)).await.unwrap());
    assert_eq!(subject.store.signing_keys(at(0)).await.unwrap().len(), 3);
}

/// From whichever process.
pub async fn of_eight_signing_keys_for_one_moment_one_is_added(subject: &IdentitySubject) {
    for round in 0..5 {
        let added = subject
            .eight(|store, number| async move {
                let key = signing_key(&format!("{round}-{number}"), round * 10);
                store.add_signing_key(&key).await.unwrap()
            })
            .await;

        assert_eq!(added.iter().filter(|one| **one).count(), 1, "{added:?}");
    }
    assert_eq!(subject.store.signing_keys(at(0)).await.unwrap().len(), 5);
}

/// Another can take its place.
pub async fn a_withdrawn_signing_key_is_over_at_once(subject: &IdentitySubject) {
    let (now, next) = (signing_key("now", 0), signing_key("next", 10));
    for key in [&now, &next] {
        subject.store.add_signing_key(key).await.unwrap();
    }

    for id in ["now", "next"] {
        assert!(subject.store.withdraw_signing_key(id, at(4)).await.unwrap());
    }
    assert!(subject.store.withdraw_signing_key("now", at(8)).await.unwrap());
    assert!(!subject.store.withdraw_signing_key("unknown", at(4)).await.unwrap());

    assert_eq!(subject.other.signing_keys(at(4)).await.unwrap(), []);
    let over = |key: SigningKey| SigningKey { signs_until: at(4), accepted_until: at(4), ..key };
    assert_eq!(subject.other.signing_keys(at(3)).await.unwrap(), [over(now), over(next)]);
    for (id, from) in [("instead", 4), ("later", 14)] {
        assert!(subject.store.add_signing_key(&signing_key(id, from)).await.unwrap());
    }
}

/// However many begin at once with a value of their own.
pub async fn a_secret_is_the_same_for_all(subject: &IdentitySubject) {
    let kept = subject
        .eight(|store, number| async move { store.secret("pepper", &number.to_be_bytes()).await.unwrap() })
        .await;

    assert!(kept.iter().all(|one| *one == kept[0] && one.len() == 4), "{kept:?}");
    assert_eq!(subject.other.secret("pepper", b"late").await.unwrap(), kept[0]);
    assert_eq!(subject.other.secret("other", b"").await.unwrap(), b"");
}

/// By whoever knows it; then its name is free.
pub async fn a_secret_is_taken_once(subject: &IdentitySubject) {
    subject.store.secret("bootstrap", b"one").await.unwrap();
    assert!(!subject.store.take_secret("bootstrap", b"two").await.unwrap());
    assert!(!subject.store.take_secret("unknown", b"one").await.unwrap());

    let taken =
        subject.eight(|store, _| async move { store.take_secret("bootstrap", b"one").await.unwrap() }).await;

    assert_eq!(taken.iter().filter(|one| **one).count(), 1, "{taken:?}");
    assert_eq!(subject.store.secret("bootstrap", b"two").await.unwrap(), b"two");
}

fn connection(service: &str, name: &str, version: i64) -> Connection {
    Connection {
        tenant: tenant("default"),
        service: service.to_owned(),
        name: name.to_owned(),
        secret: version.to_be_bytes().to_vec(),
        scopes: vec!["repo".to_owned(), "ünïcode".to_owned()],
        expires_at: Some(at(version)),
        version,
    }
}

/// Each tenant has its own.
pub async fn a_token_is_replaced_only_in_the_version_that_was_seen(subject: &IdentitySubject) {
    let first = connection("github", "bot", 1);
    let theirs = Connection { tenant: tenant("other"), ..connection("github", "bot", 1) };
    let find = async || subject.other.find_connection(&first.tenant, "github", "bot").await.unwrap();
    assert!(!subject.store.put_connection(&connection("github", "bot", 2)).await.unwrap());
    assert!(!subject.store.put_connection(&connection("github", "bot", 0)).await.unwrap());

    for connection in [&first, &theirs] {
        assert!(subject.store.put_connection(connection).await.unwrap());
    }
    assert_eq!(find().await.as_ref(), Some(&first));
    for version in [1, 3, 0, -7] {
        assert!(!subject.store.put_connection(&connection("github", "bot", version)).await.unwrap());
    }

    let next = Connection { expires_at: None, scopes: vec![], ..connection("github", "bot", 2) };
    assert!(subject.store.put_connection(&next).await.unwrap());
    assert_eq!(find().await, Some(next));
    assert_eq!(subject.other.find_connection(&theirs.tenant, "github", "bot").await.unwrap(), Some(theirs));
    let zero = connection("a\0b", "bot", 1);
    assert_eq!(kind(subject.store.put_connection(&zero).await), ErrorKind::InvalidInput);
}

/// Also of the first.
pub async fn of_eight_replacements_of_one_token_one_is_made(subject: &IdentitySubject) {
    for version in 1..5 {
        let made = subject
            .eight(|store, number| async move {
                let secret = number.to_be_bytes().to_vec();
                let new = Connection { secret, ..connection("github", "bot", version) };
                store.put_connection(&new).await.unwrap()
            })
            .await;

        assert_eq!(made.iter().filter(|one| **one).count(), 1, "{made:?}");
        let kept = subject.store.find_connection(&tenant("default"), "github", "bot").await.unwrap().unwrap();
        let winner = u32::try_from(made.iter().position(|one| *one).unwrap()).unwrap();
        assert_eq!((kept.version, kept.secret), (version, winner.to_be_bytes().to_vec()));
    }
}

/// Byte by byte, and of one tenant.
pub async fn tokens_are_listed_by_service_and_name_and_removed(subject: &IdentitySubject) {
    let mut names = [("b", "a"), ("B", "z"), ("a", "ä"), ("a", "b"), ("a", "B"), ("a-", "a")];
    for (service, name) in names {
        assert!(subject.store.put_connection(&connection(service, name, 1)).await.unwrap());
    }
    let theirs = Connection { tenant: tenant("other"), ..connection("a", "b", 1) };
    subject.store.put_connection(&theirs).await.unwrap();

    let listed = subject.store.connections(&tenant("default")).await.unwrap();
    names.sort_unstable();
    let seen: Vec<(&str, &str)> =
        listed.iter().map(|one| (one.service.as_str(), one.name.as_str())).collect();
    assert_eq!(seen, names);

    assert!(subject.store.remove_connection(&tenant("default"), "a", "b").await.unwrap());
    assert!(!subject.store.remove_connection(&tenant("default"), "a", "b").await.unwrap());
    assert_eq!(subject.store.connections(&tenant("default")).await.unwrap().len(), 5);
    assert_eq!(subject.store.connections(&tenant("other")).await.unwrap(), [theirs]);
}
