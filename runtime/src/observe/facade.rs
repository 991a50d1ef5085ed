//! The way to the `metrics` facade, which is no way at all without the feature.

#[cfg(feature = "metrics")]
mod on {
    use metrics::{Key, KeyName, Label, Level, Metadata, with_recorder};

    use crate::observe::{Kind, Metric, Unit};

    static METADATA: Metadata<'static> = Metadata::new("factum", Level::INFO, Some("factum"));

    /// A counter grows.
    pub(in crate::observe) fn count(metric: &Metric, values: &[&str], by: u64) {
        with_recorder(|recorder| recorder.register_counter(&key(metric, values), &METADATA).increment(by));
    }

    /// A gauge is at this value now.
    pub(in crate::observe) fn set(metric: &Metric, values: &[&str], value: f64) {
        with_recorder(|recorder| recorder.register_gauge(&key(metric, values), &METADATA).set(value));
    }

    /// One more value of a histogram.
    pub(in crate::observe) fn note(metric: &Metric, values: &[&str], value: f64) {
        with_recorder(|recorder| recorder.register_histogram(&key(metric, values), &METADATA).record(value));
    }

    pub(in crate::observe) fn describe(metric: &Metric) {
        let name = KeyName::from_const_str(metric.name);
        let unit = Some(match metric.unit {
            Unit::Count => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
        });
        let description = metric.description.into();
        with_recorder(|recorder| match metric.kind {
            Kind::Counter => recorder.describe_counter(name, unit, description),
            Kind::Gauge => recorder.describe_gauge(name, unit, description),
            Kind::Histogram => recorder.describe_histogram(name, unit, description),
        });
    }

    /// The values are those of the labels, in their order.
    fn key(metric: &Metric, values: &[&str]) -> Key {
        let labels = metric.labels.iter().zip(values);
        Key::from_parts(
            metric.name,
            labels.map(|(label, value)| Label::new(*label, (*value).to_owned())).collect::<Vec<_>>(),
        )
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use crate::observe::Metric;

    #[inline(always)]
    pub(in crate::observe) const fn count(_: &Metric, _: &[&str], _: u64) {}

    #[inline(always)]
    pub(in crate::observe) const fn set(_: &Metric, _: &[&str], _: f64) {}

    #[inline(always)]
    pub(in crate::observe) const fn note(_: &Metric, _: &[&str], _: f64) {}
}

#[cfg(not(feature = "metrics"))]
pub(super) use off::*;
#[cfg(feature = "metrics")]
pub(super) use on::*;
