// A museum's catalogue.
#![allow(dead_code, unused_variables, unused_imports)]
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone)]
struct Exhibit {
    title: String,
    year: i32,
}

struct Room {
    exhibit: Exhibit,
    next: Option<Box<Room>>,
}

#[inline(never)]
fn oldest(exhibits: &[Exhibit]) -> i32 {
    let mut year = i32::MAX;
    for exhibit in exhibits {
        year = year.min(exhibit.year);
    }
    year
}

#[inline(never)]
fn rename(catalogue: &RefCell<Vec<Exhibit>>, title: &str) {
    for exhibit in catalogue.borrow().iter() {
        if exhibit.year > 1900 {
            catalogue.borrow_mut().push(Exhibit { title: title.to_string(), year: 1800 });
        }
    }
}

#[inline(never)]
fn call(handler: extern "C" fn(i32) -> i32, value: i32) -> i32 {
    handler(value) + 1
}

fn main() {
    let n = std::env::args().count();
    let exhibits = vec![
        Exhibit { title: "Wheel".to_string(), year: -3500 },
        Exhibit { title: "Engine".to_string(), year: 1837 },
        Exhibit { title: "Radio".to_string(), year: 1930 },
    ];
    println!("{}", oldest(&exhibits));

    #[cfg(borrow)]
    rename(&RefCell::new(exhibits.clone()), "Telegraph");
    #[cfg(long)]
    {
        let slice = unsafe { std::slice::from_raw_parts(exhibits.as_ptr(), 50_000_000 * n) };
        println!("{}", oldest(slice));
    }
    #[cfg(rooms)]
    {
        let mut first: Option<Box<Room>> = None;
        for i in 0..400_000 {
            first = Some(Box::new(Room { exhibit: Exhibit { title: String::new(), year: i }, next: first }));
        }
        println!("{}", first.as_ref().unwrap().exhibit.year);
    }
    #[cfg(handler)]
    {
        let handler: extern "C" fn(i32) -> i32 = unsafe { std::mem::transmute(n - 1) };
        println!("{}", call(handler, 4));
    }
    #[cfg(local)]
    {
        let mut local = [7u64; 64];
        let vector = unsafe { Vec::from_raw_parts(local.as_mut_ptr(), 64, 64) };
        println!("{}", vector[n]);
    }
    #[cfg(utf8)]
    println!("{}", &exhibits[0].title[n + 20..]);
}
