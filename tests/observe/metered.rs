//! A recorder that keeps everything.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
};

use factum::observe::{self, METRICS, Metric};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// What was told of each metric, with each set of values of its labels, in order.
type Told = BTreeMap<(String, Vec<String>), Vec<f64>>;

static TOLD: LazyLock<Mutex<Told>> = LazyLock::new(Mutex::default);
#[allow(clippy::type_complexity, reason = "it is used once")]
static DESCRIBED: LazyLock<Mutex<BTreeMap<String, (&'static str, Option<Unit>, String)>>> =
    LazyLock::new(Mutex::default);

/// The one recorder of this program. Each test looks at aggregates and readers of its own.
pub fn install() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        metrics::set_global_recorder(Kept).unwrap();
        observe::describe();
    });
    LazyLock::force(&ONCE);
}

/// All numbers of a metric with these values of its labels.
pub fn told(metric: &Metric, values: &[&str]) -> Vec<f64> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    lock(&TOLD).get(&(metric.name.to_owned(), values)).cloned().unwrap_or_default()
}

/// What a counter has come to.
pub fn count(metric: &Metric, values: &[&str]) -> f64 {
    told(metric, values).iter().sum()
}

/// What a gauge says.
pub fn gauge(metric: &Metric, values: &[&str]) -> Option<f64> {
    told(metric, values).last().copied()
}

/// The names of the metrics of which anything was told.
pub fn described(name: &str) -> Option<(&'static str, Option<Unit>, String)> {
    lock(&DESCRIBED).get(name).cloned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

struct Kept;

struct Series((String, Vec<String>));

impl Series {
    /// A metric that is known, with its own labels in their order.
    fn of(key: &Key, kind: &str) -> Arc<Self> {
        let metric = METRICS.iter().find(|metric| metric.name == key.name()).unwrap();
        assert_eq!(metric.kind.to_string(), kind, "{}", metric.name);
        assert_eq!(
            key.labels().map(metrics::Label::key).collect::<Vec<_>>(),
            metric.labels,
            "{}",
            metric.name
        );
        Arc::new(Self((key.name().to_owned(), key.labels().map(|label| label.value().to_owned()).collect())))
    }

    fn tell(&self, value: f64) {
        lock(&TOLD).entry(self.0.clone()).or_default().push(value);
    }
}

impl CounterFn for Series {
    #[allow(clippy::cast_precision_loss, reason = "they are small")]
    fn increment(&self, value: u64) {
        self.tell(value as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("counters are counted");
    }
}

impl GaugeFn for Series {
    fn increment(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.tell(value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.tell(value);
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        lock(&DESCRIBED).insert(key.as_str().to_owned(), ("counter", unit, description.into_owned()));
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        lock(&DESCRIBED).insert(key.as_str().to_owned(), ("gauge", unit, description.into_owned()));
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        lock(&DESCRIBED).insert(key.as_str().to_owned(), ("histogram", unit, description.into_owned()));
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Series::of(key, "counter"))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Series::of(key, "gauge"))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Series::of(key, "histogram"))
    }
}
