//! Rates that all replicas keep together: requests and tokens a minute.
//!
//! The server has one number for each rate (GCRA). A replica takes a little more than it needs, for the next fraction of a
//! second, so that most requests find their place at hand; what is not used by then is given back. All that wait at one
//! moment are asked for in one round trip.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Script;
use tokio::sync::{Notify, oneshot};

use super::link::{Gone, Link};
use super::settings::Settings;

static PACE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/pace.lua")));

/// How long what was taken ahead may be used.
const FRESH: Duration = Duration::from_millis(300);

/// How often it is looked whether something is to be given back.
const SWEEP: Duration = Duration::from_millis(200);

/// Of a rate at most this part is taken ahead at a time.
const PART: i64 = 20;

/// Rates in one round trip.
const TOGETHER: usize = 128;

/// A rate that all replicas keep together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Its name, the same on every replica.
    pub id: Arc<str>,
    /// So many …
    pub units: u32,
    /// … in so long, and at most so many at once.
    pub period: Duration,
}

impl Pace {
    fn each(&self) -> Duration {
        self.period / self.units.max(1)
    }
}

/// Why a request cannot go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Full {
    /// A rate is used up.
    Full {
        /// Which.
        pace: Arc<str>,
        /// For how long.
        wait: Duration,
    },
    /// The server is gone.
    Gone,
}

/// The rates. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Paces {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    start: String,
    timeout: Duration,
    is_strict: bool,
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Debug, Default)]
struct State {
    stocks: HashMap<Arc<str>, Stock>,
    waiting: VecDeque<Waiting>,
}

/// What is at hand of one rate.
#[derive(Debug)]
struct Stock {
    pace: Pace,
    at_hand: i64,
    fresh_until: Instant,
    /// To give back; below 0: used without having been taken.
    owed: i64,
    /// How much is left on the server, as it said last.
    left: i64,
    /// A need that the server refused, and after how long it said that there is room for it.
    refused: Option<(i64, Duration)>,
    taken: i64,
    rate: f64,
    used: Instant,
}

#[derive(Debug)]
struct Waiting {
    needs: Vec<(Arc<str>, i64)>,
    answer: oneshot::Sender<Result<(), Full>>,
}

/// One line of a call: least and want of a rate.
#[derive(Debug)]
struct Line {
    id: Arc<str>,
    least: i64,
    want: i64,
    units: u32,
    period: Duration,
}

impl Paces {
    pub(super) fn new(settings: &Settings, link: Arc<Link>) -> Self {
        let inner = Inner {
            link,
            start: settings.name("p:"),
            timeout: settings.timeout,
            is_strict: settings.strict,
            state: Mutex::default(),
            asked: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes of several rates, of all or of none.
    ///
    /// # Errors
    /// If one of them is used up, or the server would have to be asked and is gone.
    pub async fn take(&self, needs: &[(Pace, u32)]) -> Result<(), Full> {
        let now = Instant::now();
        let answered = {
            let mut state = self.inner.state();
            let needs: Vec<_> = needs.iter().map(|(pace, amount)| state.open(pace, i64::from(*amount), now)).collect();
            if !self.inner.is_strict && state.take(&needs, now) {
                return Ok(());
            }
            if !self.inner.link.is_up() {
                return Err(Full::Gone);
            }
            let (answer, answered) = oneshot::channel();
            state.waiting.push_back(Waiting { needs, answer });
            answered
        };
        self.inner.asked.notify_one();
        match tokio::time::timeout(self.inner.timeout, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(Full::Gone),
        }
    }

    /// Puts right what was taken: more than 0 is given back, less than 0 was used beyond it.
    pub fn put_right(&self, pace: &Pace, amount: i64) {
        let mut state = self.inner.state();
        let now = Instant::now();
        state.open(pace, 0, now);
        if let Some(stock) = state.stocks.get_mut(&pace.id) {
            stock.owed += amount;
        }
    }

    /// How much of a rate is left, as the server said last.
    pub fn left(&self, pace: &str) -> Option<u64> {
        let state = self.inner.state();
        let stock = state.stocks.get(pace)?;
        u64::try_from(stock.left + stock.at_hand).ok()
    }

    pub(super) fn begin(&self) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let mut sweep = tokio::time::interval(SWEEP);
            sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = inner.asked.notified() => {}
                    _ = sweep.tick() => inner.state().sweep(Instant::now()),
                }
                while inner.round().await {}
            }
        });
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once for all who wait; whether somebody came meanwhile.
    async fn round(&self) -> bool {
        let (lines, waiting) = self.state().round(self.is_strict, Instant::now());
        if lines.is_empty() {
            return false;
        }
        let answer = self.ask(&lines).await;
        let mut state = self.state();
        match answer {
            Ok(rates) => state.learn(&lines, &rates, Instant::now()),
            Err(Gone) => {
                state.unheard(&lines);
                // Whoever stopped waiting needs no answer.
                waiting.into_iter().for_each(|one| drop(one.answer.send(Err(Full::Gone))));
                return false;
            }
        }
        state.serve(waiting, Instant::now());
        !state.waiting.is_empty()
    }

    async fn ask(&self, lines: &[Line]) -> Result<Vec<(i64, i64, i64)>, Gone> {
        let mut call = PACE.prepare_invoke();
        for line in lines {
            call.key(format!("{}{}", self.start, line.id)).arg(line.least).arg(line.want);
            call.arg(line.units).arg(line.period.as_micros() as u64);
        }
        let rates: Vec<(i64, i64, i64)> = self.link.invoke("pace", &call).await?;
        if rates.len() == lines.len() { Ok(rates) } else { Err(Gone) }
    }
}

impl State {
    fn open(&mut self, pace: &Pace, amount: i64, now: Instant) -> (Arc<str>, i64) {
        let fresh = || Stock {
            pace: pace.clone(),
            at_hand: 0,
            fresh_until: now,
            owed: 0,
            left: i64::from(pace.units),
            refused: None,
            taken: 0,
            rate: 0.0,
            used: now,
        };
        let stock = self.stocks.entry(Arc::clone(&pace.id)).or_insert_with(fresh);
        stock.pace = pace.clone();
        (Arc::clone(&pace.id), amount)
    }

    fn take(&mut self, needs: &[(Arc<str>, i64)], now: Instant) -> bool {
        let fits = |(id, need): &(Arc<str>, i64)| {
            self.stocks.get(id).is_some_and(|stock| now < stock.fresh_until && stock.at_hand >= *need)
        };
        let all = needs.iter().all(fits);
        for (id, need) in needs.iter().filter(|_| all) {
            if let Some(stock) = self.stocks.get_mut(id) {
                stock.at_hand -= need;
                stock.taken += need;
                stock.used = now;
            }
        }
        all
    }

    /// What is not fresh any more goes back; a rate that nobody asked for in ten periods is forgotten.
    fn sweep(&mut self, now: Instant) {
        for stock in self.stocks.values_mut() {
            let rate = stock.taken as f64 / SWEEP.as_secs_f64();
            stock.rate = stock.rate * 0.6 + rate * 0.4;
            stock.taken = 0;
            if now >= stock.fresh_until {
                stock.owed += std::mem::take(&mut stock.at_hand);
            }
        }
        self.stocks.retain(|_, stock| {
            stock.owed != 0 || stock.at_hand != 0 || now.saturating_duration_since(stock.used) < stock.pace.period * 10
        });
    }

    /// What to ask for: first what goes back, then for each rate what those who wait need, and a little ahead.
    fn round(&mut self, is_strict: bool, now: Instant) -> (Vec<Line>, Vec<Waiting>) {
        let mut needs: BTreeMap<Arc<str>, (i64, i64)> = BTreeMap::new();
        let mut waiting = Vec::new();
        while needs.len() < TOGETHER
            && let Some(next) = self.waiting.pop_front()
        {
            if next.answer.is_closed() {
                continue;
            }
            for (id, need) in &next.needs {
                let (least, sum) = needs.entry(Arc::clone(id)).or_insert((i64::MAX, 0));
                (*least, *sum) = ((*least).min(*need), *sum + need);
            }
            waiting.push(next);
        }
        let line = |stock: &Stock, least, want| {
            let (units, period) = (stock.pace.units.max(1), stock.pace.period);
            Line { id: Arc::clone(&stock.pace.id), least, want, units, period }
        };
        let mut lines = Vec::new();
        for stock in self.stocks.values_mut().filter(|stock| stock.owed != 0).take(TOGETHER) {
            let owed = std::mem::take(&mut stock.owed);
            lines.push(line(stock, 0, -owed));
        }
        for (id, (least, sum)) in needs {
            let Some(stock) = self.stocks.get_mut(&id) else { continue };
            let at_hand = if now < stock.fresh_until { stock.at_hand } else { 0 };
            stock.owed += stock.at_hand - at_hand;
            stock.at_hand = at_hand;
            let ahead = (stock.rate * FRESH.as_secs_f64()) as i64;
            let ahead = if is_strict { 0 } else { ahead.min(i64::from(stock.pace.units) / PART) };
            let want = sum - at_hand + ahead;
            if want > 0 {
                lines.push(line(stock, (least - at_hand).clamp(1, want), want));
            }
        }
        (lines, waiting)
    }

    fn learn(&mut self, lines: &[Line], rates: &[(i64, i64, i64)], now: Instant) {
        for (line, (taken, left, wait)) in lines.iter().zip(rates) {
            let Some(stock) = self.stocks.get_mut(&line.id) else { continue };
            stock.left = *left;
            if line.least > 0 {
                let wait = Duration::from_micros(u64::try_from(*wait).unwrap_or(0));
                stock.refused = (*taken == 0).then_some((line.least + stock.at_hand, wait));
                stock.at_hand += taken;
                stock.fresh_until = now + FRESH;
            }
        }
    }

    /// Whether what was said arrived is not known. What was to go back is said again: if it had arrived, the rate is
    /// kinder by that much, for less than a period.
    fn unheard(&mut self, lines: &[Line]) {
        for line in lines.iter().filter(|line| line.least == 0) {
            if let Some(stock) = self.stocks.get_mut(&line.id) {
                stock.owed -= line.want;
            }
        }
    }

    /// Answers those who waited, in the order in which they came.
    fn serve(&mut self, waiting: Vec<Waiting>, now: Instant) {
        for one in waiting {
            if self.take(&one.needs, now) {
                if one.answer.send(Ok(())).is_err() {
                    self.put_back(&one.needs);
                }
                continue;
            }
            let lacking = one.needs.iter().find_map(|(id, need)| {
                let stock = self.stocks.get(id)?;
                let missing = u32::try_from(need - stock.at_hand).ok().filter(|missing| *missing > 0)?;
                // The server took nothing and said when the smallest need fits; who needs more waits for the rest as well.
                let wait = match stock.refused {
                    Some((smallest, wait)) => wait + stock.pace.each() * u32::try_from(need - smallest).unwrap_or(0),
                    None => stock.pace.each() * missing,
                };
                Some(Full::Full { pace: Arc::clone(id), wait })
            });
            // Whoever stopped waiting needs no answer.
            let _ = one.answer.send(Err(lacking.unwrap_or(Full::Gone)));
        }
    }

    fn put_back(&mut self, needs: &[(Arc<str>, i64)]) {
        for (id, need) in needs {
            if let Some(stock) = self.stocks.get_mut(id) {
                stock.at_hand += need;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of these needs is told when the server says this of the smallest.
    fn told(needs: &[i64], answer: (i64, i64, i64)) -> Vec<Option<Duration>> {
        let (mut state, now) = (State::default(), Instant::now());
        let pace = Pace { id: "all".into(), units: 6_000, period: Duration::from_secs(60) };
        let asking = needs.iter().map(|need| {
            let needs = vec![state.open(&pace, *need, now)];
            let (answer, answered) = oneshot::channel();
            state.waiting.push_back(Waiting { needs, answer });
            answered
        });
        let asking: Vec<_> = asking.collect();
        let (lines, waiting) = state.round(false, now);
        state.learn(&lines, &[answer], now);
        state.serve(waiting, now);
        let heard = asking.into_iter().map(|mut answered| match answered.try_recv().expect("an answer") {
            Err(Full::Full { wait, .. }) => Some(wait),
            _ => None,
        });
        heard.collect()
    }

    #[test]
    fn whoever_is_refused_waits_as_long_as_the_server_says() {
        let (second, ten) = (Duration::from_secs(1), Duration::from_millis(10));
        assert_eq!(told(&[5_000], (0, 4_900, 1_000_000)), [Some(second)], "a hundred are missing, not five thousand");
        assert_eq!(told(&[10], (0, 0, 90_000_000)), [Some(90 * second)], "while tokens are owed");
        assert_eq!(told(&[10, 110], (0, 0, 1_000_000)), [Some(second), Some(2 * second)], "more needs longer");
        assert_eq!(told(&[10, 20], (10, 0, 0)), [None, Some(20 * ten)], "what one got is another's no more");
    }
}
