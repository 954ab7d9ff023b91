//! Tests of the command line: the real program on real repositories.

mod admin;
mod backups;
mod calls;
mod commands;
mod crash;
mod executions;
mod holding;
mod live;
mod models;
mod operations;
mod opinion;
mod output;
mod providers;
mod replays;
mod review;
mod run;
mod schedules;
mod settings;
mod support;
mod together;
mod workflows;
