//! What shipit decides, pure: no clock, no environment, no files, no waiting. Time and the world come in as values.
//!
//! Reading order: what is wanted ([`pipeline`]), what is shipped ([`release`], [`content`]), the world before ([`snapshot`]),
//! what will be done and why ([`plan`](mod@plan)), a second reading of it ([`review`](mod@review)), how long it takes
//! ([`timeline`]); then the decisions on the way: [`attest`], [`gate`], [`analysis`], [`rollout`], [`settled`](mod@settled); what is
//! written down ([`journal`], [`tags`](mod@tags), [`event`], [`dossier`], [`failure`]) and the files of the trade
//! ([`taskdef`], [`imagedefinitions`], [`artefacts`]; [`given`], where another stage has built; [`codepipeline`], which is told how it ended).

pub mod analysis;
pub mod ancestry;
pub mod artefacts;
pub mod attest;
pub mod codedeploy;
pub mod codepipeline;
pub mod content;
pub mod dossier;
pub mod event;
pub mod failure;
pub mod gate;
pub mod given;
pub mod handover;
pub mod imagedefinitions;
pub mod inventory;
pub mod journal;
pub mod leak;
pub mod notify;
pub mod pipeline;
pub mod plan;
pub mod prune;
pub mod push;
pub mod release;
pub mod review;
pub mod rollback;
pub mod rollout;
pub mod routing;
pub mod runtime;
pub mod settled;
pub mod snapshot;
pub mod tags;
pub mod taskdef;
pub mod timeline;
pub mod variables;
pub mod whose;
