//! Sign-ins: exchanged once, ended for good, listed while they last, swept when they are over.

use codeflow_auth::{Attempt, ErrorKind, Login, Page, Rotation};
use codeflow_core::{LoginId, Timestamp};

use super::{IdentitySubject, at, first, kind, tenant};

/// The exchange of a sign-in's token, as somebody who has it would make it.
fn rotation(login: &Login, to: &[u8], now: Timestamp) -> Rotation {
    let Login { id, generation, digest, .. } = login.clone();
    Rotation { id, generation, from: digest, to: to.to_vec(), at: now, expires_at: at(2_000) }
}

/// And is added once.
pub async fn a_sign_in_is_read_back_whole(subject: &IdentitySubject) {
    let user = subject.user("ada").await;
    let full = Login {
        generation: i64::MAX,
        ended_at: Some(at(3)),
        address: Some("2001:db8::1".to_owned()),
        agent: Some("ünïcode/1.0".to_owned()),
        ..subject.new_login(&user)
    };
    let plain = subject.new_login(&user);

    for login in [&full, &plain] {
        subject.store.add_login(login).await.unwrap();
    }

    assert_eq!(kind(subject.store.add_login(&plain).await), ErrorKind::Conflict);
    for login in [full, plain] {
        assert_eq!(subject.other.find_login(login.id).await.unwrap(), Some(login));
    }
    assert_eq!(subject.store.find_login(subject.new_login(&user).id).await.unwrap(), None);
}

/// As long as the sign-in lasts; whoever lost the answer can look whether it was made.
pub async fn a_token_is_exchanged_by_whoever_has_the_last_one(subject: &IdentitySubject) {
    let login = subject.login(&subject.user("ada").await).await;
    let good = rotation(&login, b"next", at(10));
    let bad = [
        Rotation { generation: 1, ..good.clone() },
        Rotation { from: b"wrong".to_vec(), ..good.clone() },
        Rotation { at: login.expires_at, ..good.clone() },
        Rotation { id: subject.new_login(&subject.new_user("ben")).id, ..good.clone() },
    ];

    for rotation in bad {
        assert!(!subject.store.rotate(&rotation).await.unwrap(), "{rotation:?}");
    }
    assert_eq!(subject.store.find_login(login.id).await.unwrap().as_ref(), Some(&login));
    assert!(subject.store.rotate(&good).await.unwrap());

    let next = Login {
        generation: 1,
        digest: b"next".to_vec(),
        used_at: at(10),
        expires_at: at(2_000),
        ..login.clone()
    };
    // Whoever lost the answer looks here whether it was made.
    assert_eq!(subject.other.find_login(login.id).await.unwrap().as_ref(), Some(&next));
    assert!(!subject.store.rotate(&good).await.unwrap());
    assert!(subject.store.rotate(&rotation(&next, b"third", at(1_500))).await.unwrap());
    assert!(subject.store.end_login(login.id, at(1_600)).await.unwrap());
    let ended = Login { generation: 2, digest: b"third".to_vec(), ..next };
    assert!(!subject.store.rotate(&rotation(&ended, b"fourth", at(1_700))).await.unwrap());
}

/// The seven others are told that the token was used.
pub async fn of_eight_exchanges_of_one_token_one_is_made(subject: &IdentitySubject) {
    let login = subject.login(&subject.user("ada").await).await;

    let made = subject
        .eight(|store, number| {
            let wanted = rotation(&login, &number.to_be_bytes(), at(10));
            async move { store.rotate(&wanted).await.unwrap() }
        })
        .await;

    assert_eq!(made.iter().filter(|one| **one).count(), 1, "{made:?}");
    let kept = subject.store.find_login(login.id).await.unwrap().unwrap();
    let winner = u32::try_from(made.iter().position(|one| *one).unwrap()).unwrap();
    assert_eq!((kept.generation, kept.digest), (1, winner.to_be_bytes().to_vec()));
}

/// The first of eight says when.
pub async fn a_sign_in_ends_once(subject: &IdentitySubject) {
    let login = subject.login(&subject.user("ada").await).await;

    let id = login.id;
    let ended = subject
        .eight(|store, number| async move { store.end_login(id, at(number.into())).await.unwrap() })
        .await;

    let first = ended.iter().position(|one| *one).unwrap();
    assert_eq!(ended.iter().filter(|one| **one).count(), 1);
    let kept = subject.store.find_login(id).await.unwrap().unwrap();
    assert_eq!(kept.ended_at, Some(at(i64::try_from(first).unwrap())));
    assert!(!subject.store.end_login(subject.new_login(&subject.new_user("ben")).id, at(1)).await.unwrap());
}

/// Whoever ends them is told which they were.
pub async fn all_sign_ins_of_a_user_but_one_end(subject: &IdentitySubject) {
    let (ada, ben) = (subject.user("ada").await, subject.user("ben").await);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(subject.login(&ada).await.id);
    }
    let theirs = subject.login(&ben).await;
    subject.store.end_login(ids[1], at(1)).await.unwrap();

    let ended = subject.store.end_logins(ada.id, Some(ids[2]), at(5)).await.unwrap();

    assert_eq!(ended, [ids[0], ids[3]]);
    assert_eq!(subject.store.end_logins(ada.id, None, at(6)).await.unwrap(), [ids[2]]);
    assert!(subject.store.end_logins(ada.id, None, at(7)).await.unwrap().is_empty());
    let mut times = Vec::new();
    for id in ids {
        times.push(subject.store.find_login(id).await.unwrap().unwrap().ended_at.unwrap());
    }
    assert_eq!(times, [at(5), at(1), at(6), at(5)]);
    assert_eq!(subject.store.find_login(theirs.id).await.unwrap(), Some(theirs));
}

/// However fast its token is exchanged.
pub async fn no_renewed_sign_in_survives_the_end_of_all(subject: &IdentitySubject) {
    for round in 0..5 {
        let user = subject.user(&format!("ada{round}")).await;
        let mut logins = Vec::new();
        for _ in 0..8 {
            logins.push(subject.login(&user).await);
        }

        let (id, last) = (user.id, logins.pop().unwrap());
        let ended = subject
            .eight(|store, number| {
                let mut login = logins.get(usize::try_from(number).unwrap()).unwrap_or(&last).clone();
                async move {
                    if number == 7 {
                        return store.end_logins(id, None, at(20)).await.unwrap().len();
                    }
                    while store
                        .rotate(&rotation(&login, &login.generation.to_be_bytes(), at(10)))
                        .await
                        .unwrap()
                    {
                        login.digest = login.generation.to_be_bytes().to_vec();
                        login.generation += 1;
                        // Memory answers at once: whoever ends them has to have a turn, too.
                        tokio::task::yield_now().await;
                    }
                    0
                }
            })
            .await;

        // Each of the exchangers stopped, because its sign-in was ended in whatever generation it was.
        assert_eq!(ended[7], 8);
        assert!(subject.store.list_logins((None, Some(id)), at(0), first(10)).await.unwrap().is_empty());
    }
}

/// Two who end the same ones do not wait for each other.
pub async fn ends_of_the_same_sign_ins_tell_of_each_once(subject: &IdentitySubject) {
    let user = subject.user("ada").await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(subject.login(&user).await.id);
    }

    let id = user.id;
    let ended = subject
        .eight(|store, number| async move { store.end_logins(id, None, at(number.into())).await.unwrap() })
        .await;

    let mut told: Vec<LoginId> = ended.into_iter().flatten().collect();
    told.sort_unstable();
    assert_eq!(told, ids);
}

/// Of a user, of a tenant, or all; not those that ended or are over.
pub async fn sign_ins_are_listed_in_pages_while_they_last(subject: &IdentitySubject) {
    let (ada, ben) = (subject.user("ada").await, subject.user("ben").await);
    let mut logins = Vec::new();
    for user in [&ada, &ben, &ada, &ada] {
        for of in ["default", "other"] {
            let login = Login { tenant: tenant(of), ..subject.new_login(user) };
            subject.store.add_login(&login).await.unwrap();
            logins.push(login);
        }
    }
    let ended = Login { ended_at: Some(at(1)), ..subject.new_login(&ada) };
    let over = Login { expires_at: at(7), ..subject.new_login(&ada) };
    for login in [&ended, &over] {
        subject.store.add_login(login).await.unwrap();
    }

    for of in [None, Some(tenant("default")), Some(tenant("nobody"))] {
        for user in [None, Some(ada.id)] {
            let is_meant = |login: &&Login| {
                of.as_ref().is_none_or(|of| login.tenant == *of) && user.is_none_or(|user| login.user == user)
            };
            let meant: Vec<Login> = logins.iter().filter(is_meant).cloned().collect();
            let mut seen: Vec<Login> = Vec::new();
            loop {
                let page = Page { after: seen.last().map(|login| login.id), limit: 3 };
                let more = subject.store.list_logins((of.as_ref(), user), at(7), page).await.unwrap();
                assert!(more.len() <= 3);
                if more.is_empty() {
                    break;
                }
                seen.extend(more);
            }
            assert_eq!(seen, meant);
        }
    }
    let before = subject.store.list_logins((None, None), at(6), first(u32::MAX)).await.unwrap();
    assert_eq!(before.last(), Some(&over));
}

/// What ended counts from its end, what only ran out from there.
pub async fn old_sign_ins_are_removed_in_pieces_the_oldest_first(subject: &IdentitySubject) {
    let user = subject.user("ada").await;
    let mut ids = Vec::new();
    for (expires, ended) in
        [(30, None), (90, Some(10)), (20, Some(80)), (90, Some(40)), (90, None), (40, None)]
    {
        let login = subject.new_login(&user);
        let login = Login { expires_at: at(expires), ended_at: ended.map(at), ..login };
        subject.store.add_login(&login).await.unwrap();
        ids.push(login.id);
    }
    let there = async || {
        let mut there = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            if subject.store.find_login(*id).await.unwrap().is_some() {
                there.push(number);
            }
        }
        there
    };

    assert_eq!(subject.store.sweep_logins(at(40), 0).await.unwrap(), 0);
    assert_eq!(subject.store.sweep_logins(at(40), 2).await.unwrap(), 2);
    assert_eq!(there().await, [0, 3, 4, 5]);
    assert_eq!(subject.store.sweep_logins(at(40), 2).await.unwrap(), 1);
    assert_eq!(there().await, [3, 4, 5]);
    assert_eq!(subject.store.sweep_logins(at(40), 2).await.unwrap(), 0);
    assert_eq!(subject.store.sweep_logins(at(41), u32::MAX).await.unwrap(), 2);
    assert_eq!(there().await, [4]);
}

/// And not at all when it is void.
pub async fn a_sign_in_that_has_begun_is_finished_once(subject: &IdentitySubject) {
    let attempt = |state: &[u8], expires| Attempt {
        state: state.to_vec(),
        secret: vec![0, 7],
        expires_at: at(expires),
    };
    let (good, void) = (attempt(b"good", 50), attempt(b"void", 30));
    for one in [&good, &void] {
        subject.store.add_attempt(one, at(1)).await.unwrap();
    }
    assert_eq!(kind(subject.store.add_attempt(&good, at(1)).await), ErrorKind::Conflict);

    let taken =
        subject.eight(|store, _| async move { store.take_attempt(b"good", at(49)).await.unwrap() }).await;

    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [good]);
    assert_eq!(subject.store.take_attempt(b"void", at(30)).await.unwrap(), None);
    assert_eq!(subject.store.take_attempt(b"unknown", at(1)).await.unwrap(), None);
    // What is void goes when another begins, so that its state is free again.
    subject.store.add_attempt(&attempt(b"other", 90), at(30)).await.unwrap();
    subject.store.add_attempt(&void, at(29)).await.unwrap();
    assert_eq!(subject.other.take_attempt(b"void", at(29)).await.unwrap(), Some(void));
    assert!(subject.other.take_attempt(b"other", at(89)).await.unwrap().is_some());
}
