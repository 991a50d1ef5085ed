//! Throughput against clients, as an SVG: a panel for each store, all on one scale.

use std::fmt::Write as _;

use crate::{measures::Row, report::thousands};

/// The size of a panel's field, and what is around it.
const WIDTH: f64 = 310.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 78.0;
const TOP: f64 = 74.0;
const GAP: f64 = 30.0;
const BELOW: f64 = 46.0;
const LINE: f64 = 17.0;
/// How many panels stand side by side.
const COLUMNS: usize = 2;

const OURS: &str = "#0b5cad";
const BY_HAND: [&str; 3] = ["#c2410c", "#57534e", "#15803d"];

/// A line in a panel.
struct Curve {
    name: String,
    /// Clients and commands per second.
    points: Vec<(u64, f64)>,
    color: &'static str,
    is_ours: bool,
}

/// Logarithmic axes.
struct Scale {
    clients: (f64, f64),
    rates: (f64, f64),
}

impl Scale {
    fn x(&self, clients: u64) -> f64 {
        WIDTH * share((clients as f64).log2(), self.clients)
    }

    fn y(&self, rate: f64) -> f64 {
        HEIGHT * (1.0 - share(rate.log10(), self.rates))
    }
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { (value - low) / (high - low) } else { 0.5 }
}

/// The picture of the rows that have clients; `None` if no row has.
#[must_use]
pub fn draw(rows: &[Row]) -> Option<String> {
    let panels = panels(rows);
    let points = || panels.iter().flat_map(|(_, curves)| curves).flat_map(|curve| &curve.points);
    let most_clients = points().map(|(clients, _)| *clients).max()?;
    let rates = || points().map(|(_, rate)| rate.log10());
    let scale = Scale {
        clients: (-0.5, (most_clients as f64).log2() + 0.5),
        rates: (
            rates().fold(f64::INFINITY, f64::min).floor(),
            rates().fold(f64::NEG_INFINITY, f64::max).ceil(),
        ),
    };
    let legend = panels.iter().map(|(_, curves)| curves.len()).max().unwrap_or(0) as f64 * LINE;
    let row = HEIGHT + BELOW + legend + 36.0;
    let columns = panels.len().min(COLUMNS);
    let width = LEFT + columns as f64 * (WIDTH + GAP);
    let height = TOP + panels.len().div_ceil(COLUMNS) as f64 * row - 22.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#1c1917\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(&mut svg, (14.0, 22.0), "start", "font-size=\"15\" font-weight=\"bold\"", HEADING);
    text(&mut svg, (14.0, 39.0), "start", "fill=\"#57534e\"", EXPLANATION);
    for (index, (backend, curves)) in panels.iter().enumerate() {
        let (column, line) = (index % COLUMNS, index / COLUMNS);
        let (left, top) = (LEFT + column as f64 * (WIDTH + GAP), TOP + line as f64 * row);
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">");
        axes(&mut svg, &scale, curves, column == 0);
        text(&mut svg, (0.0, -8.0), "start", "font-weight=\"bold\" font-size=\"13\"", backend);
        for (number, curve) in curves.iter().enumerate().rev() {
            self::line(&mut svg, &scale, curve);
            key(&mut svg, HEIGHT + BELOW + number as f64 * LINE, curve, &clients(curves));
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

const HEADING: &str = "Commands per second against concurrent clients";

const EXPLANATION: &str =
    "A command loads a stream of ten events, decides, and appends one. Both axes are logarithmic.";

/// The stores in the order in which they were measured, each with its curves, ours first.
fn panels(rows: &[Row]) -> Vec<(&'static str, Vec<Curve>)> {
    let mut panels: Vec<(&'static str, Vec<Curve>)> = Vec::new();
    for row in rows {
        let Some(clients) = row.clients else { continue };
        let known = panels.iter().position(|(backend, _)| *backend == row.backend);
        let index = known.unwrap_or_else(|| {
            panels.push((row.backend, Vec::new()));
            panels.len() - 1
        });
        let Some((_, curves)) = panels.get_mut(index) else { continue };
        add(curves, "factum", clients, row.ours.rate);
        add(curves, &format!("by hand: {}", row.hand), clients, row.theirs.rate);
    }
    panels
}

fn add(curves: &mut Vec<Curve>, name: &str, clients: u64, rate: f64) {
    match curves.iter_mut().find(|curve| curve.name == name) {
        Some(curve) if curve.points.iter().any(|(known, _)| *known == clients) => {}
        Some(curve) => curve.points.push((clients, rate)),
        None => {
            let by_hand = curves.iter().filter(|curve| !curve.is_ours).count();
            let is_ours = curves.is_empty();
            let color = if is_ours { OURS } else { BY_HAND.get(by_hand).copied().unwrap_or("#000000") };
            curves.push(Curve { name: name.to_owned(), points: vec![(clients, rate)], color, is_ours });
        }
    }
}

/// At which numbers of clients a panel has points.
fn clients(curves: &[Curve]) -> Vec<u64> {
    let mut clients: Vec<_> =
        curves.iter().flat_map(|curve| &curve.points).map(|(clients, _)| *clients).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

fn axes(svg: &mut String, scale: &Scale, curves: &[Curve], is_first: bool) {
    let (low, high) = scale.rates;
    let mut power = low;
    while power <= high {
        for factor in [1.0, 2.0, 5.0] {
            let rate = 10_f64.powf(power) * factor;
            let y = scale.y(rate);
            if y < -0.5 {
                continue;
            }
            let color = if factor == 1.0 { "#a8a29e" } else { "#e7e5e4" };
            let _ = writeln!(
                svg,
                "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{color}\"/>"
            );
            if is_first {
                text(svg, (-8.0, y + 4.0), "end", "", &thousands(rate));
            }
        }
        power += 1.0;
    }
    for clients in clients(curves) {
        let x = scale.x(clients);
        let _ =
            writeln!(svg, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{HEIGHT}\" stroke=\"#e7e5e4\"/>");
        let label = if clients == 1 { "1 client".to_owned() } else { clients.to_string() };
        text(svg, (x, HEIGHT + 18.0), "middle", "", &label);
    }
    let _ = writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#78716c\"/>");
}

fn line(svg: &mut String, scale: &Scale, curve: &Curve) {
    let at = |(clients, rate): &(u64, f64)| (scale.x(*clients), scale.y(*rate));
    let points: Vec<_> = curve.points.iter().map(at).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" {}/>",
        points.join(" "),
        curve.color,
        stroke(curve)
    );
    for (x, y) in curve.points.iter().map(at) {
        dot(svg, x, y, curve);
    }
}

const fn stroke(curve: &Curve) -> &'static str {
    if curve.is_ours { "stroke-width=\"2.5\"" } else { "stroke-width=\"1.5\" stroke-dasharray=\"5 3\"" }
}

fn dot(svg: &mut String, x: f64, y: f64, curve: &Curve) {
    let (radius, fill) = if curve.is_ours { (4.0, curve.color) } else { (3.5, "#ffffff") };
    let _ = writeln!(
        svg,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\" stroke=\"{}\" stroke-width=\"1.5\"/>",
        curve.color
    );
}

/// The name of a curve with its rates at each number of clients, below the panel.
fn key(svg: &mut String, y: f64, curve: &Curve, clients: &[u64]) {
    let _ = writeln!(
        svg,
        "<line x1=\"0\" x2=\"26\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"{1}\" {2}/>",
        y - 4.0,
        curve.color,
        stroke(curve)
    );
    dot(svg, 13.0, y - 4.0, curve);
    text(svg, (33.0, y), "start", "", &curve.name);
    let rate = |wanted| curve.points.iter().find(|(clients, _)| clients == wanted);
    let rates: Vec<_> = clients
        .iter()
        .map(|wanted| rate(wanted).map_or_else(|| "–".to_owned(), |(_, rate)| short(*rate)))
        .collect();
    text(svg, (WIDTH, y), "end", &format!("fill=\"{}\"", curve.color), &rates.join(" · "));
}

/// Three digits are enough beside a curve.
fn short(rate: f64) -> String {
    if rate < 10_000.0 { thousands(rate) } else { format!("{}k", thousands(rate / 1e3)) }
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {attributes}>{text}</text>");
}
