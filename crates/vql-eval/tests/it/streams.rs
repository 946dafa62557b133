//! Row sources that run beside the query that asks them.

use rows::Dict;
use vql_eval::{Program, Run, language, on_big_stack};

use crate::world::setup;

/// Asks until the answer is there; the row sources fill it on threads of their own.
fn ask_until(run: &Run, program: &std::sync::Arc<Program>, done: impl Fn(&[String]) -> bool) {
    loop {
        let rows: Vec<_> =
            run.rows(program).map(|found| rows_json::row_to_json(&found.row)).collect();
        if done(&rows) {
            return;
        }
        assert_eq!(run.stop_reason(), None, "still {rows:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_fifo_remembers_the_last_rows_and_forgets_those_that_it_gave() {
    on_big_stack(|| {
        let catalog = language();
        let compile = |text: &str| Program::compile(text, &catalog).unwrap();
        let define = compile(
            "LET last = SELECT * FROM fifo(query={ SELECT * FROM range(end=9) }, max_rows=2) \
             LET once = SELECT * FROM fifo(query={ SELECT * FROM range(end=3) }, flush=TRUE)",
        );
        let (setup, _) = setup(catalog.clone());
        let run = Run::new(setup, Dict::new());
        run.rows(&define).for_each(drop);
        let last = compile("SELECT * FROM last");
        let two = ["{\"_value\":7}", "{\"_value\":8}"];
        ask_until(&run, &last, |rows| rows == two);
        ask_until(&run, &last, |rows| rows == two);
        let once = compile("SELECT * FROM once");
        ask_until(&run, &once, |rows| rows.last().is_some_and(|row| row.contains('2')));
        ask_until(&run, &once, <[_]>::is_empty);
    })
    .unwrap();
}
