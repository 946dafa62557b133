//! Cutting windows: on the grid, in halves, around another.

use model::log::{Position, Window};

/// A range as one window when it is no wider than `max`, otherwise cut at the multiples of `max`
/// since position 0.
pub fn grid(range: Window, max: u64) -> Vec<Window> {
    if range.width() <= max {
        return vec![range];
    }
    let step = i64::try_from(max).unwrap_or(i64::MAX);
    let mut windows = Vec::new();
    let mut from = range.from();
    while from < range.to() {
        let next = from.0.div_euclid(step).saturating_add(1).saturating_mul(step);
        let to = Position(next).min(range.to());
        windows.extend(Window::new(from, to));
        from = to;
    }
    windows
}

pub(super) fn halves(window: Window) -> Vec<Window> {
    let middle = Position(window.from().0 + i64::try_from(window.width() / 2).unwrap_or(i64::MAX));
    [Window::new(window.from(), middle), Window::new(middle, window.to())]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn intersection(a: Window, b: Window) -> Option<Window> {
    Window::new(a.from().max(b.from()), a.to().min(b.to()))
}

/// A window around `inside`, in its up to three parts; the flag says which is `inside`.
pub(super) fn parts(whole: Window, inside: Window) -> Vec<(Window, bool)> {
    [
        Window::new(whole.from(), inside.from()).map(|part| (part, false)),
        Some((inside, true)),
        Window::new(inside.to(), whole.to()).map(|part| (part, false)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
