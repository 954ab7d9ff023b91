//! Sign-ins, those that have begun, and revocations in memory.

use async_trait::async_trait;
use codeflow_auth::{
    Attempt, AttemptStore, Error, Login, LoginStore, Page, Revocation, RevocationStore, Rotation,
};
use codeflow_core::{LoginId, Tenant, Timestamp, UserId};

use super::{MOST, MemoryIdentity, check_text, conflict, page};

/// How many were removed.
fn removed(before: usize, after: usize) -> u32 {
    u32::try_from(before - after).unwrap_or(u32::MAX)
}

#[async_trait]
impl LoginStore for MemoryIdentity {
    async fn add_login(&self, login: &Login) -> Result<(), Error> {
        check_text([&login.address, &login.agent].into_iter().flatten().map(String::as_str))?;
        let mut model = self.open()?;
        if !model.users.contains_key(&login.user) {
            return Err(conflict("the user is gone"));
        }
        if model.logins.contains_key(&login.id) {
            return Err(conflict("there is a sign-in with this id"));
        }
        model.logins.insert(login.id, login.clone());
        Ok(())
    }

    async fn find_login(&self, id: LoginId) -> Result<Option<Login>, Error> {
        Ok(self.open()?.logins.get(&id).cloned())
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<bool, Error> {
        let mut model = self.open()?;
        let is_current = |login: &&mut Login| {
            login.generation == rotation.generation
                && login.digest == rotation.from
                && login.ended_at.is_none()
                && login.expires_at > rotation.at
        };
        let Some(login) = model.logins.get_mut(&rotation.id).filter(is_current) else { return Ok(false) };
        login.generation += 1;
        login.digest.clone_from(&rotation.to);
        login.used_at = rotation.at;
        login.expires_at = rotation.expires_at;
        Ok(true)
    }

    async fn list_logins(
        &self,
        (tenant, user): (Option<&Tenant>, Option<UserId>),
        now: Timestamp,
        wanted: Page<LoginId>,
    ) -> Result<Vec<Login>, Error> {
        let model = self.open()?;
        let logins = model.logins.iter().map(|(id, login)| (*id, login));
        Ok(page(logins, &wanted, |login| {
            tenant.is_none_or(|tenant| login.tenant == *tenant)
                && user.is_none_or(|user| login.user == user)
                && login.ended_at.is_none()
                && login.expires_at > now
        }))
    }

    async fn end_login(&self, id: LoginId, at: Timestamp) -> Result<bool, Error> {
        let mut model = self.open()?;
        let Some(login) = model.logins.get_mut(&id).filter(|login| login.ended_at.is_none()) else {
            return Ok(false);
        };
        login.ended_at = Some(at);
        Ok(true)
    }

    async fn end_logins(
        &self,
        user: UserId,
        but: Option<LoginId>,
        at: Timestamp,
    ) -> Result<Vec<LoginId>, Error> {
        let mut model = self.open()?;
        let is_meant =
            |login: &&mut Login| login.user == user && Some(login.id) != but && login.ended_at.is_none();
        let end = |login: &mut Login| {
            login.ended_at = Some(at);
            login.id
        };
        Ok(model.logins.values_mut().filter(is_meant).map(end).collect())
    }

    async fn sweep_logins(&self, before: Timestamp, most: u32) -> Result<u32, Error> {
        let mut model = self.open()?;
        let over = |login: &Login| login.ended_at.map_or(login.expires_at, |end| end.min(login.expires_at));
        let mut old: Vec<(Timestamp, LoginId)> = model
            .logins
            .values()
            .map(|login| (over(login), login.id))
            .filter(|(over, _)| *over < before)
            .collect();
        old.sort_unstable();
        old.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let had = model.logins.len();
        model.logins.retain(|id, _| !old.iter().any(|(_, gone)| gone == id));
        Ok(removed(had, model.logins.len()))
    }
}

#[async_trait]
impl AttemptStore for MemoryIdentity {
    async fn add_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
        let mut model = self.open()?;
        model.attempts.retain(|_, kept| kept.expires_at > now);
        if model.attempts.contains_key(&attempt.state) {
            return Err(conflict("a sign-in with this state has begun"));
        }
        model.attempts.insert(attempt.state.clone(), attempt.clone());
        Ok(())
    }

    async fn take_attempt(&self, state: &[u8], now: Timestamp) -> Result<Option<Attempt>, Error> {
        let mut model = self.open()?;
        let is_good = model.attempts.get(state).is_some_and(|kept| kept.expires_at > now);
        Ok(if is_good { model.attempts.remove(state) } else { None })
    }
}

#[async_trait]
impl RevocationStore for MemoryIdentity {
    async fn revoke(&self, revocations: &[Revocation]) -> Result<(), Error> {
        let mut model = self.open()?;
        for revocation in revocations {
            model.last_revocation += 1;
            let position = model.last_revocation;
            model.revocations.insert(position, *revocation);
        }
        Ok(())
    }

    async fn revocations(&self, after: i64, limit: u32) -> Result<Vec<(i64, Revocation)>, Error> {
        let limit = usize::try_from(limit).unwrap_or(MOST).min(MOST);
        let model = self.open()?;
        let newer = model.revocations.iter().filter(|(position, _)| **position > after);
        Ok(newer.take(limit).map(|(position, revocation)| (*position, *revocation)).collect())
    }

    async fn sweep_revocations(&self, before: Timestamp, most: u32) -> Result<u32, Error> {
        let mut model = self.open()?;
        let mut old: Vec<(Timestamp, i64)> = model
            .revocations
            .iter()
            .map(|(position, revocation)| (revocation.until, *position))
            .filter(|(until, _)| *until < before)
            .collect();
        old.sort_unstable();
        old.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        for (_, position) in &old {
            model.revocations.remove(position);
        }
        Ok(removed(old.len(), 0))
    }
}
