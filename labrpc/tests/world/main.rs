//! Tests of the simulated world. Each module is one subject; `puppet` and `service` are the
//! processes that the tests drive.

mod clock;
mod crash;
mod determinism;
mod disk;
mod hostile;
mod lab;
mod links;
mod nemesis;
mod network;
mod pace;
mod puppet;
mod random;
mod service;
