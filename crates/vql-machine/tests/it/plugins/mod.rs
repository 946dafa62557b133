//! Questions to the plugins and their answers, through the real evaluator and real accessors, on
//! made-up trees and a made-up machine.

mod databases;
mod event_logs;
mod events;
mod evidence;
mod files;
mod formats;
mod letters;
mod machine;
mod paths;
mod programs;
mod question;
mod remapping;
mod sigma;
mod text;
mod tracker;
mod trust;
mod web;
mod yara;
