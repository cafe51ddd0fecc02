//! The book of outcomes beside the ledger, and the watch over what things cost.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use super::spend::{Detail, spend, stages};
use crate::budget::Status;
use crate::config::Config;
use crate::domain::{Dimension, Over, Secret};
use crate::experiments::book::ExperimentBook;
use crate::listen::{Lifecycle, Phase};
use crate::observe::Metrics;
use crate::proxy::Proxy;
use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::record::report::{Filter, GroupBy, Line};
use crate::store::StoreError;
use crate::value::alerts::delivery::deliver;
use crate::value::alerts::judge::{
    BudgetStanding, EarlyEnd, Verified, budgets, cost_per_outcome, escalations, experiments,
};
use crate::value::alerts::post::{Poster, address};
use crate::value::alerts::register::{Changes, Look, Register};
use crate::value::alerts::{CostAlert, EscalationAlert, Finding};
use crate::value::book::Book;
use crate::value::cost::{Known, Per, Question, samples};
use crate::value::outcome::Outcome;

/// Looking may take one part in so many of the time, however large the ledger is.
const LEAST_REST: u32 = 20;

/// After how many looks, and how long at least, an alert is over that nobody finds any more.
const STALE_LOOKS: u32 = 10;
const STALE_LEAST: Duration = Duration::from_secs(600);

/// Between two rounds of sending.
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(15);

/// How long the end of the process waits for a message that is being sent.
const LAST_PATIENCE: Duration = Duration::from_secs(12);

/// Why a look found nothing out.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The watch: it looks every so often, and sees to it that messages arrive.
pub struct Watch {
    lifecycle: Lifecycle,
    tasks: [JoinHandle<()>; 2],
}

impl Watch {
    /// Begins to watch.
    pub fn begin(proxy: &Arc<Proxy>, book: &Book, experiments: &ExperimentBook, archive: &Archive) -> Self {
        // Its own: alerts are sent until the process ends, also while it drains.
        let lifecycle = Lifecycle::default();
        let experiments = experiments.clone();
        let looking = Looking { proxy: Arc::clone(proxy), book: book.clone(), experiments, archive: archive.clone() };
        let sending = Sending { proxy: Arc::clone(proxy), book: book.clone(), poster: None };
        let tasks = [tokio::spawn(looking.run(lifecycle.clone())), tokio::spawn(sending.run(lifecycle.clone()))];
        Self { lifecycle, tasks }
    }

    /// Ends the watch. A message that is being sent is sent to its end, so that it is known whether it was.
    pub async fn end(self) {
        self.lifecycle.advance(Phase::Stopping);
        for task in self.tasks {
            let stop = task.abort_handle();
            if tokio::time::timeout(LAST_PATIENCE, task).await.is_err() {
                stop.abort();
            }
        }
    }
}

struct Looking {
    proxy: Arc<Proxy>,
    book: Book,
    experiments: ExperimentBook,
    archive: Archive,
}

impl Looking {
    async fn run(self, mut lifecycle: Lifecycle) {
        loop {
            let config = self.proxy.config.snapshot();
            let began = Instant::now();
            if let Err(error) = self.look(&config).await {
                tracing::warn!(%error, "alerts could not be looked after");
                self.proxy.books.metrics.value().alert_failed();
            }
            let rest = config.alerts.every.max(began.elapsed() * LEAST_REST);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = lifecycle.reached(Phase::Stopping) => return,
            }
        }
    }

    async fn look(&self, config: &Arc<Config>) -> Result<(), LookError> {
        let now_millis = unix_millis();
        let mut findings = Vec::new();
        for alert in &config.alerts.cost_per_outcome {
            findings.extend(self.cost_findings(config, alert, now_millis).await?);
        }
        if let Some(alert) = config.alerts.escalations {
            findings.extend(escalations(alert, &self.verified(alert, now_millis).await?));
        }
        findings.extend(budgets(&self.standings(config)));
        findings.extend(experiments(&self.early_ends(config).await?));
        let stale = STALE_LEAST.max(config.alerts.every * STALE_LOOKS);
        let look = Look { now_millis, stale_millis: millis(stale), posts: config.alerts.webhook.is_some() };
        let changes = Register::new(self.book.clone()).take_in(&findings, look).await?;
        tell(&changes, &self.proxy.books.metrics);
        Ok(())
    }

    /// The experiments that ended of themselves before their date.
    async fn early_ends(&self, config: &Config) -> Result<Vec<EarlyEnd>, LookError> {
        let all: Vec<_> = config.rules.experiments().collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let ends = self.experiments.ends().await?;
        let end = |(rule, experiment): (&crate::route::Rule, &crate::route::Experiment)| {
            let (from_millis, until_millis) = super::experiments::times(experiment);
            let end = ends.get(&(experiment.name().to_string(), from_millis))?;
            (end.over != Over::Stopped).then(|| EarlyEnd {
                experiment: experiment.name().to_string(),
                rule: rule.name.to_string(),
                from_millis,
                until_millis,
                detail: end.detail.clone(),
            })
        };
        Ok(all.into_iter().filter_map(end).collect())
    }

    /// What the verified requests of each rule came to.
    async fn verified(&self, alert: EscalationAlert, now_millis: i64) -> Result<Vec<Verified>, LedgerError> {
        let since_millis = Some(now_millis.saturating_sub(millis(alert.window)));
        let filter = Filter { period: Period { since_millis, until_millis: None }, equal: Vec::new() };
        let report = self.archive.report(&filter, &[GroupBy::Rule]).await?;
        let verified = |line: Line| {
            let totals = line.totals;
            Some(Verified {
                rule: line.keys.into_iter().next().flatten()?,
                requests: totals.verified,
                discarded: totals.discarded,
                cost: totals.verified_cost?,
                straight: totals.straight?,
            })
        };
        Ok(report.lines.into_iter().filter_map(verified).collect())
    }

    /// How it stands with every budget that alerts are wanted of.
    fn standings(&self, config: &Config) -> Vec<BudgetStanding> {
        let now = u64::try_from(unix_millis()).unwrap_or(0);
        let sees_all = config.shared.is_some() || config.ledger.ship.is_none();
        let standing = |status: Status| BudgetStanding {
            budget: status.budget.to_string(),
            holder: match (&*status.holder, status.scope.dimension) {
                (_, Dimension::All) => "everybody".to_owned(),
                (holder, dimension) => format!("{} {holder}", dimension.as_str()),
            },
            limit: status.limit,
            settled: status.balance.settled,
            reserved: status.balance.reserved,
            refused: status.refused,
            refuses: status.refuses,
            from_millis: i64::try_from(status.stretch.from_millis).unwrap_or(i64::MAX),
            until_millis: status.stretch.until_millis.and_then(|until| i64::try_from(until).ok()),
            percentages: status.alerts.to_vec(),
            sees_all,
        };
        self.proxy.books.budgets.status(&config.budgets, now).into_iter().map(standing).collect()
    }

    async fn cost_findings(
        &self,
        config: &Arc<Config>,
        alert: &CostAlert,
        now_millis: i64,
    ) -> Result<Vec<Finding>, LookError> {
        let window_from = now_millis - millis(alert.window);
        let baseline_from = window_from - millis(alert.baseline);
        let outcomes = self.book.shipped(baseline_from, i64::MAX).await?;
        let outcomes: Vec<Outcome> =
            outcomes.into_iter().map(|outcome| config.outcomes.mapping.resolved(outcome)).collect();
        let (window, baseline) = (window_from..now_millis, baseline_from..window_from);
        let stages = stages(&outcomes);
        let rows = |period: &Range<i64>| {
            let bounds = Period { since_millis: Some(period.start), until_millis: Some(period.end) };
            spend(&self.archive, bounds, Vec::new(), &stages, Detail::Join)
        };
        let (new, old) = (rows(&window).await?, rows(&baseline).await?);
        let mapping = &config.outcomes.mapping;
        let known = Known { spend: &new, earlier: &old, before: &[], outcomes: &outcomes, mapping };
        let sampled = |period: Range<i64>, rows| {
            let question =
                Question { per: Per::Feature, period: period.clone(), before: None, min_outcomes: 0, only: Vec::new() };
            samples(&question, &period, rows, &known)
        };
        Ok(cost_per_outcome(alert, &sampled(window, &new), &sampled(baseline, &old)))
    }
}

fn tell(changes: &Changes, metrics: &Metrics) {
    for finding in &changes.fired {
        tracing::warn!(alert = finding.name, subject = finding.subject, "an alert fires: {}", finding.summary);
    }
    for finding in &changes.cleared {
        tracing::info!(alert = finding.name, subject = finding.subject, "an alert is over: {}", finding.summary);
    }
    metrics.value().alerts_fire(changes.firing.iter().map(|(kind, name)| (kind.as_str(), name.as_str())));
}

struct Sending {
    proxy: Arc<Proxy>,
    book: Book,
    /// The receiver that messages were last sent to, and how.
    poster: Option<(Secret, Poster)>,
}

impl Sending {
    async fn run(mut self, mut lifecycle: Lifecycle) {
        loop {
            let rest = self.round().await;
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = lifecycle.reached(Phase::Stopping) => return,
            }
        }
    }

    /// Sends what is due; how long nothing will be.
    async fn round(&mut self) -> Duration {
        let config = self.proxy.config.snapshot();
        // Another replica, or the next look, may write a message at any time.
        let rest = config.alerts.every.min(LONGEST_REST);
        let Some(webhook) = &config.alerts.webhook else { return rest };
        let poster = match self.poster(webhook) {
            Ok(poster) => poster,
            Err(error) => {
                tracing::error!(error, "alerts cannot be sent");
                return rest;
            }
        };
        let metrics = self.proxy.books.metrics.value();
        let send = |id: String, body: String| {
            let poster = poster.clone();
            async move { poster.post(&id, body).await }
        };
        let delivered = match self.book.store().await {
            Ok(store) => deliver(store, unix_millis, send).await,
            Err(error) => Err(error),
        };
        match delivered {
            Ok(delivered) => {
                metrics.alerts_sent(delivered.sent, delivered.failed + delivered.given_up);
                let next = delivered.next_millis.map(|next| next.saturating_sub(unix_millis()).max(0).unsigned_abs());
                next.map_or(rest, |next| Duration::from_millis(next).clamp(SHORTEST_REST, rest.max(SHORTEST_REST)))
            }
            Err(error) => {
                tracing::warn!(%error, "alerts that wait to be sent cannot be read");
                metrics.alert_failed();
                rest
            }
        }
    }

    fn poster(&mut self, webhook: &Secret) -> Result<Poster, String> {
        if let Some((_, poster)) = self.poster.as_ref().filter(|(known, _)| known == webhook) {
            return Ok(poster.clone());
        }
        let address = address(webhook).map_err(|error| error.to_string())?;
        let poster = Poster::new(address).map_err(|error| error.to_string())?;
        self.poster = Some((webhook.clone(), poster.clone()));
        Ok(poster)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn unix_millis() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
