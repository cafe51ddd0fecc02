//! What was made at run time, from how the registry keeps it to how requests are answered by it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::admit::{Issue, Issued, Key, Standing};
use crate::budget::{MadeLater, Override, Stretch};
use crate::domain::KeyName;
use crate::registry::{Grants, Moment, Snapshot, StoredKey, Subject};

/// What budgets have to know of this snapshot.
pub(super) fn made_later(snapshot: &Snapshot) -> MadeLater {
    let mut made_later = MadeLater::new();
    for one in &snapshot.overrides {
        let when = Stretch { from_millis: millis(one.from), until_millis: Some(millis(one.until)) };
        let made = Override { limit: one.limit, when, why: one.why.as_str().into() };
        made_later.entry(one.budget.clone()).or_default().push(made);
    }
    made_later
}

/// What admission has to know of this snapshot, and of keys that other replicas have revoked.
pub(super) fn issued(snapshot: &Snapshot, elsewhere: &HashSet<KeyName>) -> Issued {
    let revoked = snapshot.revocations.iter().filter(|revocation| revocation.of == Subject::Key);
    let revoked = revoked.map(|revocation| &revocation.name).chain(elsewhere).cloned();
    Issued::new(snapshot.keys.iter().flat_map(|stored| issues(stored, elsewhere)), revoked)
}

/// The secrets of a key: its own, and the one before if there was one.
fn issues(stored: &StoredKey, elsewhere: &HashSet<KeyName>) -> Vec<Issue> {
    let key = Arc::new(key(stored));
    let revoked = stored.revoked.is_some() || elsewhere.contains(&stored.name);
    let standing = |standing| if revoked { Standing::Revoked } else { standing };
    let mut issues = vec![Issue { digest: stored.digest, standing: standing(Standing::Good), key: Arc::clone(&key) }];
    if let Some(digest) = stored.old_digest {
        let until_millis = stored.old_secret_until.map_or(0, millis);
        issues.push(Issue { digest, standing: standing(Standing::Replaced { until_millis }), key });
    }
    issues
}

fn key(stored: &StoredKey) -> Key {
    let Grants {
        engineer,
        team,
        feature,
        tiers,
        models,
        doors,
        may_choose,
        requests_per_minute,
        tokens_per_minute,
        concurrent,
        expires,
    } = stored.grants.clone();
    Key {
        name: stored.name.clone(),
        digest: stored.digest,
        engineer,
        team,
        feature,
        tiers: tiers.map(Into::into),
        may_choose,
        models: models.map(Into::into),
        doors: doors.map(|words| words.iter().flat_map(|word| word.doors()).copied().collect()),
        requests_per_minute,
        tokens_per_minute,
        concurrent,
        expires_millis: expires.map(millis),
    }
}

fn millis(moment: Moment) -> u64 {
    u64::try_from(moment.millis()).unwrap_or(0)
}
