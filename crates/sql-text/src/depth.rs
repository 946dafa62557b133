//! How deep a syntax tree is: a chain of a thousand `OR`s is a thousand levels, and most of what
//! looks at a tree takes stack for each.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};

/// Deeper trees are refused.
pub(crate) const DEPTH_MAX: usize = 200;

/// What to do about it.
pub(crate) const HINT: &str = "put long lists under `lists` and write `IN {name}`";

struct Depth(usize);

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > DEPTH_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

/// Whether a tree is too deep. The visitor of the parser's crate grows the stack where it must.
pub(crate) fn is_too_deep(tree: &impl Visit) -> bool {
    tree.visit(&mut Depth(0)).is_break()
}
