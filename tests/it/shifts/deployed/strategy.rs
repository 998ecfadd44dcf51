//! The strategies, as the pipeline file has them here, and the shares that follow.

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Rolling,
    BlueGreen,
    Canary,
    Linear,
}

impl Strategy {
    pub const ALL: [Self; 4] = [Self::Rolling, Self::BlueGreen, Self::Canary, Self::Linear];

    /// As a service is named after it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::BlueGreen => "blue-green",
            Self::Canary => "canary",
            Self::Linear => "linear",
        }
    }

    /// Its line in the pipeline file: each share lasts long enough for requests on a machine that has much else to do.
    pub fn line(self) -> String {
        self.baking(if self == Self::Canary { "4m" } else { "3m" }, "1m")
    }

    /// The same with other times: after each step, and after the last.
    pub fn baking(self, step: &str, last: &str) -> String {
        let block = match self {
            Self::Rolling => return "    strategy: rolling\n".to_owned(),
            Self::BlueGreen => format!("blue_green: {{ terminate_after: {last} }}"),
            Self::Canary => format!("canary: {{ steps: [10%, 100%], bake: {step}, terminate_after: {last} }}"),
            Self::Linear => format!("linear: {{ step: 40%, bake: {step}, terminate_after: {last} }}"),
        };
        format!("    strategy: {{ {block} }}\n")
    }

    /// The candidate's shares in percent, one after the other; none where tasks are replaced and no traffic is shifted.
    pub fn shares(self) -> &'static [f64] {
        match self {
            Self::Rolling => &[],
            Self::BlueGreen => &[0.0, 100.0],
            Self::Canary => &[0.0, 10.0, 100.0],
            Self::Linear => &[0.0, 40.0, 80.0, 100.0],
        }
    }

    /// The same where the candidate goes back from its first share.
    pub fn there_and_back(self) -> Vec<f64> {
        let first = self.shares().iter().copied().find(|share| *share > 0.0);
        first.map_or_else(Vec::new, |first| vec![0.0, first, 0.0])
    }

    /// The same where it goes back from all of the traffic.
    pub fn all_and_back(self) -> Vec<f64> {
        let back = self.shares().first().copied();
        self.shares().iter().copied().chain(back).collect()
    }
}
