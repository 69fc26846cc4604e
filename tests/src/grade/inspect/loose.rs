//! Tokens that a macro takes one by one.
//!
//! A variable that is a `tt` can be anything, a `::` out of an innocent path, for instance, or a `#`. So it
//! may only be handed on to another macro, as macros for logging do: `eprintln!($($it)*)`. There it
//! begins what is between commas, or it could go on what stands before it. And a macro makes no macros, as
//! what such a one takes cannot be told from what is written.

use super::tokens::{Kind, Row, Token};
use std::collections::BTreeSet;

/// What is to be said against the uses of such variables, with lines.
pub fn complaints(row: &[Token]) -> Vec<(usize, String)> {
    let variable = |at: usize| row.word(at + 1).filter(|_| row.is(at, '$'));
    let is_declared = |at: usize| row.is(at + 2, ':') && row.word(at + 3) == Some("tt");
    let loose: BTreeSet<&str> =
        (0..row.len()).filter(|at| is_declared(*at)).filter_map(variable).collect();
    let (mut found, mut around, mut macros) = (Vec::new(), Vec::new(), 0);
    for at in 0..row.len() {
        match row.kind(at) {
            Some(Kind::Open(..)) => {
                around.push(at);
                macros += usize::from(is_of_macro(row, at));
            }
            Some(Kind::Close(open)) => {
                around.pop();
                macros -= usize::from(is_of_macro(row, *open));
            }
            _ => {}
        }
        if row.word(at) == Some("macro_rules") && macros > 0 {
            let what =
                "`macro_rules!`: a macro that makes macros can make anything: write them out";
            found.push((row[at].line, what.to_string()));
        }
        let Some(name) = variable(at).filter(|it| loose.contains(it)) else { continue };
        if !is_declared(at) && !is_handed_on(row, at, &around) {
            found.push((
                row[at].line,
                format!(
                    "`${name}`: a `tt` can be anything: make it an `ident`, an `expr` or a `ty`"
                ),
            ));
        }
    }
    found
}

/// Whether a variable begins one of a macro's arguments, perhaps in a repetition.
fn is_handed_on(row: &[Token], mut at: usize, around: &[usize]) -> bool {
    for &open in around.iter().rev() {
        let is_first = at == open + 1;
        if is_first && open > 0 && row.is(open - 1, '$') {
            at = open - 1;
            continue;
        }
        return row.is_args(open) && (is_first || row.is(at - 1, ','));
    }
    false
}

/// Whether a group is what a macro is given, or a macro's rules.
fn is_of_macro(row: &[Token], open: usize) -> bool {
    row.is_args(open)
        || (open > 2 && row.is(open - 2, '!') && row.word(open - 3) == Some("macro_rules"))
}
