//! The watch over experiments: adds up what their arms cost, ends those that cost too much or do worse, and tells the proxy
//! which have ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::domain::{EndpointName, Metric, Over, Pico, RequestId};
use crate::experiments::book::{AllSums, ExperimentBook};
use crate::experiments::observed::{ArmObserved, Observed, Request};
use crate::experiments::tally::{One, Sums, extra};
use crate::experiments::{Ended, guard};
use crate::feedback::Rating;
use crate::feedback::book::FeedbackBook;
use crate::observe::ExperimentGauge;
use crate::proxy::Proxy;
use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::drawn::Drawn;
use crate::route::{Destination, Experiment, Halted, Run};
use crate::store::StoreError;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);

/// An experiment that nobody could look at for so long does not run.
const UNWATCHED: Duration = Duration::from_secs(30);

/// Why a look found nothing out.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// What is known of experiments cannot be asked or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What requests cost cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The watch, for as long as it lives.
pub struct Watch {
    #[expect(dead_code, reason = "it is held, not read")]
    task: AbortOnDropHandle<()>,
}

impl Watch {
    /// Begins to watch.
    pub fn begin(proxy: &Arc<Proxy>, book: ExperimentBook, feedback: FeedbackBook, archive: &Archive) -> Self {
        let looking =
            Looking { proxy: Arc::clone(proxy), book, feedback, archive: archive.clone(), replica: None, looked: None };
        Self { task: AbortOnDropHandle::new(tokio::spawn(looking.run())) }
    }
}

/// What is known of experiments before anything was looked at: where there are some, none runs.
pub fn at_first(config: &Config) -> Arc<ArcSwap<Halted>> {
    let any = config.rules.experiments().next().is_some();
    Arc::new(ArcSwap::from_pointee(if any { Halted::Everything } else { Halted::Nothing }))
}

struct Looking {
    proxy: Arc<Proxy>,
    book: ExperimentBook,
    feedback: FeedbackBook,
    archive: Archive,
    replica: Option<String>,
    /// When a look last succeeded.
    looked: Option<Instant>,
}

impl Looking {
    async fn run(mut self) {
        loop {
            let config = self.proxy.config.snapshot();
            let began = Instant::now();
            match self.look(&config).await {
                Ok(()) => self.looked = Some(Instant::now()),
                // Somebody else added up the same at the same time: the next look sees it.
                Err(LookError::Store(StoreError::Conflict)) => {}
                Err(error) => {
                    tracing::warn!(%error, "experiments could not be looked after");
                    self.proxy.books.metrics.quality().experiment_failed();
                    if self.looked.is_none_or(|looked| looked.elapsed() > UNWATCHED) {
                        self.proxy.halted.store(Arc::new(Halted::Everything));
                    }
                }
            }
            tokio::time::sleep(EVERY.max(began.elapsed() * 4)).await;
        }
    }

    async fn look(&mut self, config: &Config) -> Result<(), LookError> {
        let experiments: Vec<&Experiment> = config.rules.experiments().map(|(_, experiment)| experiment).collect();
        if experiments.is_empty() {
            self.proxy.halted.store(Arc::new(Halted::Nothing));
            self.proxy.books.metrics.quality().show_experiments(&[]);
            return Ok(());
        }
        while self.add_up(config, &experiments).await? {}
        let sums = self.book.sums().await?;
        let mut ends = known(self.book.ends().await?);
        for experiment in &experiments {
            let ended = ends.contains_key(&experiment.run());
            if ended || experiment.over(now_millis(), &Halted::Nothing).is_some() {
                continue;
            }
            let end = match spent(experiment, &sums) {
                Some(end) => Some(end),
                None => self.guarded(experiment, &sums).await?,
            };
            if let Some(end) = end {
                if self.book.end(&experiment.run(), &end).await? {
                    tracing::warn!(experiment = %experiment.name(), "an experiment has ended: {}", end.detail);
                }
                ends.insert(experiment.run(), end);
            }
        }
        let halted = ends.into_iter().map(|(run, end)| (run, end.over)).collect();
        let halted = Halted::These(Arc::new(halted));
        self.show(&experiments, &sums, &halted);
        self.proxy.halted.store(Arc::new(halted));
        Ok(())
    }

    /// Adds up what this replica's ledger has since the last time. Whether there may be more.
    async fn add_up(&mut self, config: &Config, experiments: &[&Experiment]) -> Result<bool, LookError> {
        let replica = match &self.replica {
            Some(replica) => replica.clone(),
            None => self.replica.insert(self.archive.replica().await?).clone(),
        };
        let mark = self.book.mark(&replica).await?;
        let since = self.archive.drawn_since(mark).await?;
        if since.last_seq == mark {
            return Ok(false);
        }
        let mut sums: BTreeMap<(Run, String), Sums> = BTreeMap::new();
        for drawn in &since.drawn {
            let at = millis(drawn.at);
            let of = |experiment: &&&Experiment| {
                experiment.name().as_str() == &*drawn.experiment
                    && (experiment.from_millis..experiment.until_millis).contains(&at)
            };
            let Some(experiment) = experiments.iter().find(of) else { continue };
            let one = One {
                failed: drawn.failed,
                escalated: drawn.escalated,
                used: drawn.usage.is_some(),
                cost: drawn.cost,
                on_control: on_control(config, experiment, drawn),
            };
            sums.entry((experiment.run(), drawn.arm.to_string())).or_default().add(one);
        }
        self.book.add(&replica, (mark, since.last_seq), &sums).await?;
        Ok(!since.drawn.is_empty())
    }

    /// The end of an experiment of which an arm does worse; `None`: none does, or it is not time to look.
    async fn guarded(&self, experiment: &Experiment, sums: &AllSums) -> Result<Option<Ended>, LookError> {
        let Some(guard) = &experiment.guard else { return Ok(None) };
        let run = experiment.run();
        let looks = self.book.looks(&run).await?;
        let times = times(experiment);
        let seen = match guard.metric {
            Metric::BadFeedback => self.feedback.ratings(times.0, times.1).await?.len() as u64,
            _ => arms(experiment, sums).map(|(_, sums)| sums.requests).sum(),
        };
        if !guard::is_due(guard, experiment.arms().len(), looks, seen) || !self.book.look(&run, looks).await? {
            return Ok(None);
        }
        let observed = observed(&self.archive, &self.feedback, experiment).await?;
        let control = experiment.control().name.as_str();
        let worse = guard::judge(guard, &observed, control, looks);
        Ok(worse.map(|worse| Ended {
            over: Over::Guard,
            detail: format!(
                "arm {} of experiment {} does worse than {control} in {}: by {:+.1} {} [{:.1}, {:.1}], seen at look {}",
                worse.arm,
                experiment.name(),
                guard.metric.as_str(),
                100.0 * worse.by.value,
                if guard.metric == Metric::Cost { "%" } else { "points" },
                100.0 * worse.by.low,
                100.0 * worse.by.high,
                looks + 1,
            ),
            at_millis: unix_millis(),
        }))
    }

    fn show(&self, experiments: &[&Experiment], sums: &AllSums, halted: &Halted) {
        let gauge = |experiment: &&Experiment| ExperimentGauge {
            name: experiment.name().clone(),
            is_running: experiment.over(now_millis(), halted).is_none(),
            extra: Some(extra_of(experiment, sums)),
            arms: arms(experiment, sums).map(|(arm, sums)| (arm.to_owned(), sums.requests)).collect(),
        };
        let all: Vec<ExperimentGauge> = experiments.iter().map(gauge).collect();
        self.proxy.books.metrics.quality().show_experiments(&all);
    }
}

/// What every request of an experiment was like, and what was said of its answer.
///
/// # Errors
/// If ledger or store cannot be asked.
pub async fn observed(
    archive: &Archive,
    feedback: &FeedbackBook,
    experiment: &Experiment,
) -> Result<Observed, LookError> {
    let times = times(experiment);
    let ratings: HashMap<RequestId, Rating> = feedback.ratings(times.0, times.1).await?.into_iter().collect();
    let empty = experiment.arms().iter().map(|arm| (arm.name.to_string(), ArmObserved::default()));
    let take = move |observed: &mut Observed, drawn: Drawn| {
        let Some(arm) = observed.get_mut(&*drawn.arm) else { return };
        let request = Request {
            cost: drawn.cost,
            escalated: drawn.escalated,
            failed: drawn.failed,
            seconds: drawn.total.as_secs_f64(),
            bad: ratings.get(&drawn.id).map(|rating| *rating == Rating::Bad),
        };
        arm.add(drawn.session.as_deref(), request);
    };
    Ok(archive.drawn_in(experiment.name(), times, empty.collect::<Observed>(), take).await?)
}

/// The sums of an experiment's arms.
pub fn arms<'s>(experiment: &Experiment, sums: &'s AllSums) -> impl Iterator<Item = (&'s str, &'s Sums)> {
    let run = experiment.run();
    let key = (run.0.to_string(), i64::try_from(run.1).unwrap_or(i64::MAX));
    sums.get(&key).into_iter().flatten().map(|(arm, sums)| (arm.as_str(), sums))
}

/// What an experiment has cost beyond its control.
pub fn extra_of(experiment: &Experiment, sums: &AllSums) -> Pico {
    let control = experiment.control().name.as_str();
    extra(arms(experiment, sums).filter(|(arm, _)| *arm != control).map(|(_, sums)| sums))
}

fn spent(experiment: &Experiment, sums: &AllSums) -> Option<Ended> {
    let most = experiment.max_extra?;
    let extra = extra_of(experiment, sums);
    (extra >= most).then(|| Ended {
        over: Over::Spend,
        detail: format!(
            "experiment {} has cost {extra} USD beyond its control, of {most} USD that it may",
            experiment.name()
        ),
        at_millis: unix_millis(),
    })
}

/// The runs that have ended, by their names in the configuration.
fn known(ends: BTreeMap<(String, i64), Ended>) -> BTreeMap<Run, Ended> {
    let run = |(name, from): (String, i64)| {
        Some((crate::domain::ExperimentName::parse(&name).ok()?, u64::try_from(from).ok()?))
    };
    ends.into_iter().filter_map(|(key, end)| Some((run(key)?, end))).collect()
}

/// What control would have cost for the same usage; `None`: its price is not known, or nothing was used.
fn on_control(config: &Config, experiment: &Experiment, drawn: &Drawn) -> Option<Pico> {
    let first: &EndpointName = match &experiment.control().destination {
        Destination::Endpoint(target) => &target.name,
        Destination::Tier(tier) => &tier.members().first()?.target.name,
    };
    config.endpoints.get(first)?.price.cost(drawn.usage.as_ref()?, drawn.at, None)
}

/// From when to when arms are drawn.
pub fn times(experiment: &Experiment) -> (i64, i64) {
    let millis = |moment: u64| i64::try_from(moment).unwrap_or(i64::MAX);
    (millis(experiment.from_millis), millis(experiment.until_millis))
}

fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn now_millis() -> u64 {
    millis(SystemTime::now())
}

fn unix_millis() -> i64 {
    i64::try_from(now_millis()).unwrap_or(i64::MAX)
}
