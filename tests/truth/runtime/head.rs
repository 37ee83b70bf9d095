// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#![allow(warnings)]
use std::ffi::CStr;

pub type Name = *const u8;
extern "C" {
    static mut truth_any: u64;
    static mut truth_sink: u64;
    static mut truth_budget: i32;
    fn truth_text(which: u64) -> *const std::os::raw::c_char;
    fn truth_place(which: u64) -> *const i32;
    fn truth_begin(func: Name, is_tail: i32) -> u64;
    fn truth_call(number: u64);
    fn truth_end(number: u64);
    fn truth_back(number: u64);
    fn truth_int(name: Name, value: i64);
    fn truth_uint(name: Name, value: u64);
    fn truth_bool(name: Name, value: bool);
    fn truth_enum(name: Name, value: i64, enumerator: Name);
    fn truth_float(name: Name, value: f64);
    fn truth_bytes(name: Name, value: *const u8, size: u64);
    fn truth_pointer(name: Name, value: *const u8);
    fn truth_wide2(name: Name, high: u64, low: u64, is_signed: i32);
    fn truth_variant(name: Name, variant: Name);
    fn truth_unit(name: Name, variant: Name);
    fn truth_struct(name: Name);
    fn truth_array(name: Name);
    fn truth_close();
}

fn any() -> u64 { unsafe { std::ptr::read_volatile(std::ptr::addr_of!(truth_any)) } }
fn sink(v: u64) { unsafe { std::ptr::write_volatile(std::ptr::addr_of_mut!(truth_sink), v) } }
fn text(which: u64) -> &'static str { unsafe { CStr::from_ptr(truth_text(which)).to_str().unwrap() } }
fn place(which: u64) -> &'static i32 { unsafe { &*truth_place(which) } }
fn has_budget() -> bool {
    unsafe {
        let left = std::ptr::read_volatile(std::ptr::addr_of!(truth_budget));
        std::ptr::write_volatile(std::ptr::addr_of_mut!(truth_budget), left - 1);
        left > 0
    }
}

/// What every type of a program can do: be logged, and be made a number that depends on all of it.
pub trait Value {
    fn write_log(&self, name: Name);
    fn write_inner(&self, name: Name) { self.write_log(name) }
    fn fold(&self) -> u64;
}

fn log_variant<T: Value>(name: Name, variant: &[u8], value: &T) {
    unsafe {
        truth_variant(name, variant.as_ptr());
        value.write_inner(variant.as_ptr());
        truth_close();
    }
}
fn log_all(values: &[i32], name: Name) {
    unsafe {
        truth_array(name);
        for v in values { Value::write_log(v, std::ptr::null()) }
        truth_close();
    }
}

macro_rules! integer {
    ($log:ident, $as:ty, $($t:ty)*) => { $(impl Value for $t {
        #[inline(never)] fn write_log(&self, name: Name) { unsafe { $log(name, *self as $as) } }
        #[inline] fn fold(&self) -> u64 { *self as u64 }
    })* };
}
integer!(truth_int, i64, i8 i16 i32 i64 isize);
integer!(truth_uint, u64, u8 u16 u32 u64 usize char);
impl Value for bool {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_bool(name, *self) } }
    #[inline] fn fold(&self) -> u64 { *self as u64 }
}
impl Value for u128 {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_wide2(name, (*self >> 64) as u64, *self as u64, 0) } }
    #[inline] fn fold(&self) -> u64 { *self as u64 }
}
impl Value for f32 {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_float(name, *self as f64) } }
    #[inline] fn fold(&self) -> u64 { *self as u64 }
}
impl Value for f64 {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_float(name, *self) } }
    #[inline] fn fold(&self) -> u64 { *self as u64 }
}
impl Value for &str {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_bytes(name, self.as_ptr(), self.len() as u64) } }
    #[inline] fn fold(&self) -> u64 { self.len() as u64 }
}
impl Value for String {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_bytes(name, self.as_ptr(), self.len() as u64) } }
    #[inline] fn fold(&self) -> u64 { self.len() as u64 }
}
impl Value for &String {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_bytes(name, self.as_ptr(), self.len() as u64) } }
    #[inline] fn fold(&self) -> u64 { self.len() as u64 }
}
/* A reference stands for its value, but within others. */
impl Value for &i32 {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_int(name, **self as i64) } }
    #[inline(never)] fn write_inner(&self, name: Name) { unsafe { truth_pointer(name, *self as *const i32 as *const u8) } }
    #[inline] fn fold(&self) -> u64 { **self as u64 }
}
impl Value for Box<i32> {
    #[inline(never)] fn write_log(&self, name: Name) { unsafe { truth_int(name, **self as i64) } }
    #[inline] fn fold(&self) -> u64 { **self as u64 }
}
impl Value for Vec<i32> {
    #[inline(never)] fn write_log(&self, name: Name) { log_all(self, name) }
    #[inline] fn fold(&self) -> u64 { self.len() as u64 }
}
impl Value for &'static [i32] {
    #[inline(never)] fn write_log(&self, name: Name) { log_all(self, name) }
    #[inline] fn fold(&self) -> u64 { self.len() as u64 }
}
impl<T: Value> Value for Option<T> {
    #[inline(never)] fn write_log(&self, name: Name) {
        match self {
            Some(v) => log_variant(name, b"Some\0", v),
            None => unsafe { truth_unit(name, b"None\0".as_ptr()) },
        }
    }
    #[inline] fn fold(&self) -> u64 { match self { Some(v) => v.fold(), None => 7 } }
}
impl<T: Value, E: Value> Value for Result<T, E> {
    #[inline(never)] fn write_log(&self, name: Name) {
        match self {
            Ok(v) => log_variant(name, b"Ok\0", v),
            Err(e) => log_variant(name, b"Err\0", e),
        }
    }
    #[inline] fn fold(&self) -> u64 { match self { Ok(v) => v.fold(), Err(e) => e.fold() } }
}
impl<T: Value, const N: usize> Value for [T; N] {
    #[inline(never)] fn write_log(&self, name: Name) {
        unsafe {
            truth_array(name);
            for v in self { Value::write_log(v, std::ptr::null()) }
            truth_close();
        }
    }
    #[inline] fn fold(&self) -> u64 { self.iter().fold(0u64, |a, v| a.wrapping_add(v.fold())) }
}

pub struct Item { tag: u64 }
pub static ITEM: Item = Item { tag: 77 };
impl Item {
    fn write_log(&self) {
        unsafe {
            truth_struct(b"self\0".as_ptr());
            truth_uint(b"tag\0".as_ptr(), self.tag);
            truth_close();
        }
    }
}

