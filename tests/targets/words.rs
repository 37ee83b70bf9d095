// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)

// words [WORD...]: generics, closures, trait objects and iterators, as Rust's compiler names and
// inlines them. Logs how often each word was given.
use std::collections::BTreeMap;
use std::fmt::Display;

#[inline(never)]
fn count<T: Display>(items: &[T]) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for item in items {
        *seen.entry(item.to_string()).or_insert(0) += 1;
    }
    seen
}

trait Shape {
    fn area(&self) -> f64;
}

struct Square(f64);

impl Shape for Square {
    #[inline(never)]
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let shapes: Vec<Box<dyn Shape>> =
        words.iter().map(|w| Box::new(Square(w.len() as f64)) as Box<dyn Shape>).collect();
    for (word, times) in count(&words) {
        println!("word {} {}", word, times);
    }
    println!("area {}", shapes.iter().map(|s| s.area()).sum::<f64>());
}
