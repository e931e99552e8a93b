//! Vessels that are filled, heated and drained, again and again.

use super::{came_to_pass, follow, rounded, spacing};
use crate::generate::plan::{Plan, at_row, plan};
use crate::generate::random::Random;

/// What may be wrong.
pub(super) const FAULTS: [&str; 9] = [
    "valve closed",
    "leak",
    "weak heater",
    "level offset",
    "stuck gauge",
    "chatter",
    "drained early",
    "noisy",
    "power lost",
];
/// Fields of a vessel.
const FIELDS: usize = 9;

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Fill,
    Heat,
    Hold,
    Drain,
    Wait,
}

/// A vessel and its controller.
struct Vessel {
    step: Step,
    since: f64,
    level: f64,
    heat: f64,
    flow_in: f64,
    flow_out: f64,
    fill_rate: f64,
    heat_rate: f64,
    drain_rate: f64,
    hold: f64,
    wait: f64,
    noise: f64,
    last_heat: f64,
    /// Which of its fields there are.
    shown: [bool; FIELDS],
}

impl Vessel {
    fn new(random: &mut Random) -> Self {
        let mut shown = [true; FIELDS];
        // A plant has not all of the meters that it could have.
        shown[4..].iter_mut().for_each(|shown| *shown = random.chance(0.7));
        Vessel {
            step: Step::Wait,
            since: 0.0,
            level: 0.1,
            heat: 20.0,
            flow_in: 0.0,
            flow_out: 0.0,
            fill_rate: 1.0 / random.magnitude(8.0, 60.0),
            heat_rate: 1.0 / random.magnitude(8.0, 60.0),
            drain_rate: 1.0 / random.magnitude(8.0, 60.0),
            hold: random.magnitude(5.0, 60.0),
            wait: random.magnitude(5.0, 40.0),
            noise: random.magnitude(0.002, 0.02),
            last_heat: 20.0,
            shown,
        }
    }

    /// A minute passes. Says whether the fault has changed something.
    fn next(&mut self, fault: &str, row: usize, values: &mut Vec<f64>, random: &mut Random) -> bool {
        let done = match self.step {
            Step::Fill => self.level >= 0.9,
            Step::Heat => self.heat >= 80.0,
            Step::Hold => self.since >= self.hold,
            Step::Drain => self.level <= 0.1,
            Step::Wait => self.since >= self.wait,
        };
        self.since += 1.0;
        if done {
            self.since = 0.0;
            self.step = match self.step {
                Step::Fill => Step::Heat,
                Step::Heat => Step::Hold,
                Step::Hold => Step::Drain,
                Step::Drain => Step::Wait,
                Step::Wait => {
                    self.wait = (self.wait * (1.0 + 0.05 * random.normal())).clamp(3.0, 60.0);
                    Step::Fill
                }
            };
        }
        let on = |step: bool| if step { 1.0 } else { 0.0 };
        let chatter = fault == "chatter" && row % 4 < 2;
        let inlet = on((self.step == Step::Fill) != chatter);
        let heater = on(self.step == Step::Heat || self.step == Step::Hold && self.heat < 80.0);
        let outlet = on(self.step == Step::Drain || fault == "drained early" && self.step != Step::Fill);
        let power = if fault == "power lost" { 0.0 } else { 1.0 };
        let passes = if fault == "valve closed" { 0.15 } else { 1.0 };
        follow(&mut self.flow_in, inlet * passes * power * self.fill_rate, 0.6);
        follow(&mut self.flow_out, outlet * self.drain_rate * on(self.level > 0.02), 0.6);
        let leak = if fault == "leak" { 0.3 * self.drain_rate } else { 0.0 };
        self.level = (self.level + self.flow_in - self.flow_out - leak).clamp(0.0, 1.0);
        let strength = if fault == "weak heater" { 0.25 } else { 1.0 };
        let warming = heater * strength * power * 80.0 * self.heat_rate;
        self.heat += warming - 0.01 * (self.heat - 20.0) - self.flow_in * (self.heat - 20.0);
        let noise = self.noise * if fault == "noisy" { 8.0 } else { 1.0 };
        let mut about = |value: f64, unit: f64| value + unit * noise * random.normal();
        let gauge =
            if fault == "stuck gauge" { self.last_heat } else { rounded(about(self.heat, 50.0), 0.1) };
        self.last_heat = gauge;
        let offset = if fault == "level offset" { 0.15 } else { 0.0 };
        let fields = [
            inlet,
            outlet,
            about(self.level + offset, 1.0),
            gauge,
            heater,
            about(self.flow_in, 2.0 * self.fill_rate) * 1000.0,
            about(self.flow_out, 2.0 * self.drain_rate) * 1000.0,
            about(1.0 + 0.4 * self.level + 2.0 * self.flow_in, 1.0) * power,
            about(0.2 + 5.0 * heater * strength + 0.5 * inlet, 2.0) * power,
        ];
        values.extend(fields.into_iter().zip(self.shown).filter(|(_, shown)| *shown).map(|(value, _)| value));
        match fault {
            "" => false,
            "valve closed" => inlet > 0.0,
            "weak heater" => heater > 0.0,
            "drained early" => outlet > on(self.step == Step::Drain),
            "power lost" => inlet + heater > 0.0 || self.shown[7] || self.shown[8],
            _ => true,
        }
    }
}

/// Values row by row, and what was wrong, with the first vessel.
pub(super) fn watch(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let mut vessels: Vec<Vessel> = (0..1 + random.below(3)).map(|_| Vessel::new(random)).collect();
    let plan = plan(random, rows, &FAULTS, &spacing(rows, 600), |random, _| random.magnitude(15.0, 150.0));
    let (mut air, mut values, mut changed) = (0.0, Vec::new(), vec![false; rows]);
    for (row, changed) in changed.iter_mut().enumerate() {
        let (fault, _) = at_row(&plan, row);
        for (at, vessel) in vessels.iter_mut().enumerate() {
            *changed |= vessel.next(if at == 0 { fault } else { "" }, row, &mut values, random);
        }
        air = random.autoregressive(air, 0.995);
        values.push(rounded(20.0 + 2.0 * air, 0.1));
    }
    (values, came_to_pass(plan, &changed))
}
