//! The saga over a plan, and the reconciler inside its rollout step.
