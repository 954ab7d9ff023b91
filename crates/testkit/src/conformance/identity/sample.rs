//! Something in every table of identity, for those who copy tables.

use std::sync::Arc;

use codeflow_auth::{
    ApiKey, Attempt, AuditEvent, Connection, Lockout, Login, Outcome, Permission, Revocation, Role,
    SecondFactor, SigningKey, Store, Target, User,
};

use super::audit::chain;
use super::{IdentitySubject, at, tenant};

/// Writes all that a storage of identity may hold.
pub async fn fill<S: Store + 'static>(store: Arc<S>) {
    let subject = IdentitySubject::new(Arc::clone(&store), store, ());
    let user = people(&subject).await;
    keys(&subject, &user).await;
    secrets(&subject).await;
    let event = |number: i64| AuditEvent {
        at: at(number),
        tenant: Some(tenant("default")),
        actor: "ada".to_owned(),
        action: "user.create".to_owned(),
        target: user.id.to_string(),
        address: Some("192.0.2.1".to_owned()),
        request_id: Some("req-1".to_owned()),
        outcome: Outcome::Done,
        details: [("it's".to_owned(), "ä\t\\".into())].into_iter().collect(),
    };
    subject.store.append_audit((0..20).map(event).collect(), chain).await.unwrap();
}

async fn people(subject: &IdentitySubject) -> User {
    let user = User {
        email: Some("ada@example.org".to_owned()),
        password: Some("$argon2id$".to_owned()),
        roles: vec!["reader".to_owned()],
        second_factor: Some(SecondFactor {
            secret: vec![0, 9, 10, 92, 255],
            confirmed: true,
            last_step: 7,
            recovery: vec![vec![0, 1]],
        }),
        identity: Some(("https://issuer.example".to_owned(), "4711".to_owned())),
        ..subject.new_user("ada")
    };
    subject.store.add_user(&user).await.unwrap();
    subject.user("ben").await;
    let role = Role {
        tenant: tenant("default"),
        name: "reader".to_owned(),
        description: "reads".to_owned(),
        permissions: vec![Permission::UsersRead],
        changed_at: at(0),
    };
    subject.store.put_role(&role).await.unwrap();
    let login = Login { address: Some("192.0.2.1".to_owned()), ..subject.new_login(&user) };
    subject.store.add_login(&login).await.unwrap();
    let attempt = Attempt { state: vec![0, 1], secret: vec![2, 255], expires_at: at(9) };
    subject.store.add_attempt(&attempt, at(0)).await.unwrap();
    let failed = Lockout { name: vec![0, 255], failures: 7, changed_at: at(1), clears: 2 };
    subject.store.add_failures(&[failed], at(0)).await.unwrap();
    user
}

async fn keys(subject: &IdentitySubject, user: &User) {
    let (old, service) = (subject.new_key(Some(user.id)), subject.new_key(None));
    let models = Some(vec!["gpt-*".to_owned()]);
    let new = ApiKey { models, tier: Some("premium".to_owned()), ..subject.new_key(Some(user.id)) };
    subject.store.add_key(&old, None).await.unwrap();
    subject.store.add_key(&service, None).await.unwrap();
    // The key that replaces another has the greater id, and one that is replaced may come after it in a copy.
    subject.store.add_key(&new, Some((old.id, at(5)))).await.unwrap();
    subject.store.touch_keys(&[(new.id, at(3))]).await.unwrap();
    let targets = [Target::Key(old.id), Target::User(user.id), Target::Roles];
    let revocations = targets.map(|target| Revocation { target, at: at(1), until: at(2) });
    subject.store.revoke(&revocations).await.unwrap();
}

async fn secrets(subject: &IdentitySubject) {
    let key = SigningKey {
        id: "one".to_owned(),
        algorithm: "EdDSA".to_owned(),
        public: "{}".to_owned(),
        secret: vec![0, 255],
        signs_from: at(0),
        signs_until: at(10),
        accepted_until: at(20),
    };
    assert!(subject.store.add_signing_key(&key).await.unwrap());
    subject.store.secret("pepper", &[0, 10, 255]).await.unwrap();
    let connection = Connection {
        tenant: tenant("default"),
        service: "github".to_owned(),
        name: "bot".to_owned(),
        secret: vec![0, 255],
        scopes: vec!["repo".to_owned()],
        expires_at: Some(at(5)),
        version: 1,
    };
    assert!(subject.store.put_connection(&connection).await.unwrap());
}
