//! Findings in words: lower case, numbers first, nothing that a person cannot check.

use std::fmt::{self, Display, Formatter};

use super::{AlarmState, Count, Evidence, Finding, Judgement, Limit, Needs, Unit, Verdict};

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Same => "same",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Worse => "worse",
        })
    }
}

/// What makes the verdict; all findings where the candidate passes.
impl Display for Judgement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let passes = matches!(self.verdict, Verdict::Better | Verdict::Same);
        let decisive = self.findings.iter().filter(|finding| passes || finding.verdict == self.verdict);
        let texts: Vec<String> = decisive.map(ToString::to_string).collect();
        write!(f, "{}", texts.join("; "))
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.evidence {
            Evidence::Errors { candidate, stable, chance, before, .. } => {
                let (ours, theirs) = (Percent(candidate.rate()), Percent(stable.rate()));
                write!(f, "candidate answers {ours} errors, stable {theirs} (")?;
                if matches!(self.verdict, Verdict::Better | Verdict::Worse) {
                    write!(f, "{}, ", Chance(*chance))?;
                }
                write!(f, "{} requests){}{}", Thousands(candidate.requests), Earlier(*before), Still(self))
            }
            Evidence::Minutes { name, unit, beyond, minutes, before, candidate, stable, chance, limit } => {
                let number = |value: f64| Number { value, unit: *unit };
                write!(f, "{name} {}", number(*candidate))?;
                if let Some(stable) = stable {
                    write!(f, ", stable {}", number(*stable))?;
                }
                match (limit, self.verdict) {
                    (Limit::Max(max), _) => write!(f, ", above {max} in {beyond} of {minutes} minutes")?,
                    (Limit::WorseBy(by), Verdict::Better) => {
                        write!(f, ", stable more by over {by} in {beyond} of {minutes} minutes")?;
                    }
                    (Limit::WorseBy(by), _) => write!(f, ", more by over {by} in {beyond} of {minutes} minutes")?,
                }
                if matches!(self.verdict, Verdict::Better | Verdict::Worse) {
                    write!(f, " ({})", Chance(*chance))?;
                }
                write!(f, "{}{}", Earlier(*before), Still(self))
            }
            Evidence::NoMinutes { name } => write!(f, "{name}: no minute yet at this share that can be compared"),
            Evidence::Stale { name, last } => write!(f, "{name}: both sides have had no datapoints since {last}"),
            Evidence::Probe { name, asked: 0, .. } => write!(f, "probe `{name}` was not asked yet"),
            Evidence::Probe { name, failed: 0, asked, .. } => {
                write!(f, "probe `{name}` was answered as expected, asked {asked} times")
            }
            Evidence::Probe { name, failed, said, .. } => {
                let said = said.as_deref().unwrap_or("nothing");
                write!(f, "probe `{name}` was answered otherwise {failed} times in a row: {said}")
            }
            Evidence::Unsent { name, why } => write!(f, "probe `{name}` cannot be sent: {why}"),
            Evidence::Alarm { name, state } => match state {
                Some(AlarmState::Ok) => write!(f, "alarm `{name}` is OK"),
                Some(AlarmState::Alarm) => write!(f, "alarm `{name}` is in ALARM"),
                Some(AlarmState::InsufficientData) => write!(f, "alarm `{name}` has not enough data and objects to nothing"),
                Some(AlarmState::Other(state)) => write!(f, "alarm `{name}` is in a state that shipit does not know: {state}"),
                None => write!(f, "alarm `{name}` is not there"),
            },
            Evidence::NothingAsked => f.write_str("nothing that `judge:` asks about can be compared yet"),
        }
    }
}

/// Minutes of the stable version from before it lost its traffic.
struct Earlier(u32);

impl Display for Earlier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(
                ", compared with the stable version's last minute before all traffic moved (another time of day: weaker)",
            ),
            minutes => write!(
                f,
                ", compared with the stable version's last {minutes} minutes before all traffic moved (another time of day: weaker)"
            ),
        }
    }
}

/// What is missing, where something is.
struct Still<'a>(&'a Finding);

impl Display for Still<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.needs {
            Needs { requests: 0, minutes: 0 } => Ok(()),
            Needs { requests: 0, minutes } => write!(f, "; needs {minutes} minutes more at least"),
            Needs { requests, .. } => write!(f, "; needs about {} requests more", Thousands(requests)),
        }
    }
}

pub(super) struct Thousands(pub(super) u64);

impl Display for Thousands {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A rate with the digits that matter: 4.8%, 12%, 0.04%.
pub struct Percent(pub f64);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let digits = if percent == 0.0 || percent >= 9.95 {
            0
        } else if percent >= 0.095 {
            1
        } else {
            2
        };
        if percent > 0.0 && percent < 0.01 { f.write_str("under 0.01%") } else { write!(f, "{percent:.digits$}%") }
    }
}

struct Chance(f64);

impl Display for Chance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 0.001 { f.write_str("p < 0.001") } else { write!(f, "p < {:.3}", self.0 + 0.000_5) }
    }
}

struct Number {
    value: f64,
    unit: Unit,
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.unit, self.value) {
            (Unit::Seconds, value) if value < 10.0 => write!(f, "{:.0} ms", value * 1e3),
            (Unit::Seconds, value) => write!(f, "{value:.1} s"),
            (Unit::Own, value) if value.abs() >= 100.0 => write!(f, "{value:.0}"),
            (Unit::Own, value) => write!(f, "{value:.2}"),
        }
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", Thousands(self.errors), Thousands(self.requests))
    }
}
