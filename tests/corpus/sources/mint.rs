// SPDX-License-Identifier: MIT
// A mint: coins, checks and panics.
#![allow(dead_code, unused_variables, unreachable_code, unused_mut)]
use std::fmt;

struct Coin {
    value: u32,
    owner: String,
}

#[derive(Debug)]
struct Debt {
    amount: i64,
}

impl fmt::Display for Debt {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} owed", self.amount)
    }
}

#[inline(never)]
fn weigh(coin: &Coin, most: u32) -> u32 {
    if coin.value > most {
        panic!("coin of {} is too heavy for {}", coin.value, coin.owner);
    }
    coin.value
}

#[inline(never)]
fn settle(amount: i64) -> Result<i64, Debt> {
    if amount > 100 {
        Err(Debt { amount })
    } else {
        Ok(amount)
    }
}

#[inline(never)]
fn melt(coin: *mut Coin) {
    unsafe { drop(Box::from_raw(coin)) }
}

fn main() {
    let count = std::env::args().count() as u32;
    let coin = Coin { value: 40 + count, owner: "Midas".to_string() };
    println!("{}", weigh(&coin, 100));
    #[cfg(heavy)]
    println!("{}", weigh(&coin, 3));
    #[cfg(fixed)]
    if count > 0 {
        panic!("the mint has no gold");
    }
    #[cfg(debt)]
    println!("{}", settle(800).unwrap());
    #[cfg(caught)]
    {
        let caught = std::panic::catch_unwind(|| weigh(&Coin { value: 77, owner: "Croesus".to_string() }, 3));
        if caught.is_err() {
            std::process::abort();
        }
    }
    #[cfg(melted)]
    {
        let raw = Box::into_raw(Box::new(coin));
        melt(raw);
        melt(raw);
    }
    #[cfg(payload)]
    std::panic::panic_any(17u32);
}
