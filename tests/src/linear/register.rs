//! A register with compare-and-set: the second example of a model.

use super::{Model, Operation};

/// What a client of a [`CasRegister`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOp {
    /// The register's value.
    Read,
    /// This value replaces what was there.
    Write(i64),
    /// The value `to` replaces what was there, if that was `from`.
    CompareAndSet {
        /// What must be there.
        from: i64,
        /// What replaces it.
        to: i64,
    },
}

/// What a client of a [`CasRegister`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterRet {
    /// The value that was read.
    Value(i64),
    /// The value was written.
    Written,
    /// Whether the register had the value that was compared, and so was set.
    Set(bool),
}

/// An operation on a [`CasRegister`].
pub type RegisterOperation = Operation<RegisterOp, RegisterRet>;

/// One register of integers with read, write and compare-and-set.
///
/// ```
/// use tests::linear::{CasRegister, Operation, RegisterOp::*, RegisterRet::*, Verdict, check};
/// let history = [
///     Operation::completed(1, CompareAndSet { from: 0, to: 1 }, 1, 5, Set(true)),
///     Operation::completed(2, CompareAndSet { from: 1, to: 2 }, 2, 3, Set(true)),
///     Operation::completed(2, Read, 4, 6, Value(2)),
/// ];
/// let report = check(&CasRegister::default(), &history, 1_000);
/// assert_eq!(report.verdict, Verdict::Linearizable);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CasRegister {
    /// What the register has before anything is written.
    pub initial: i64,
}

impl Model for CasRegister {
    type Op = RegisterOp;
    type Ret = RegisterRet;
    type State = i64;

    fn initial(&self) -> i64 {
        self.initial
    }

    fn step(&self, state: &i64, op: &RegisterOp, ret: Option<&RegisterRet>) -> Option<i64> {
        let (next, answer) = match *op {
            RegisterOp::Read => (*state, RegisterRet::Value(*state)),
            RegisterOp::Write(value) => (value, RegisterRet::Written),
            RegisterOp::CompareAndSet { from, to } if from == *state => {
                (to, RegisterRet::Set(true))
            }
            RegisterOp::CompareAndSet { .. } => (*state, RegisterRet::Set(false)),
        };
        ret.is_none_or(|ret| *ret == answer).then_some(next)
    }

    fn is_read(&self, op: &RegisterOp, ret: Option<&RegisterRet>) -> bool {
        *op == RegisterOp::Read || ret == Some(&RegisterRet::Set(false))
    }

    fn describe(&self, op: &RegisterOp, ret: Option<&RegisterRet>) -> String {
        let asked = match op {
            RegisterOp::Read => "read".to_string(),
            RegisterOp::Write(value) => format!("write({value})"),
            RegisterOp::CompareAndSet { from, to } => format!("compare-and-set({from}, {to})"),
        };
        match ret {
            Some(RegisterRet::Value(value)) => format!("{asked} -> {value}"),
            Some(RegisterRet::Set(done)) => format!("{asked} -> {done}"),
            Some(RegisterRet::Written) | None => asked,
        }
    }

    fn describe_state(&self, state: &i64) -> String {
        state.to_string()
    }
}
