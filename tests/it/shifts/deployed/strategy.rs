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

    /// Its line in the pipeline file.
    pub fn line(self) -> String {
        let block = match self {
            Self::Rolling => return "    strategy: rolling\n".to_owned(),
            Self::BlueGreen => "blue_green: { terminate_after: 1m }",
            Self::Canary => "canary: { steps: [10%, 100%], bake: 2m, terminate_after: 1m }",
            Self::Linear => "linear: { step: 40%, bake: 1m, terminate_after: 1m }",
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
}
