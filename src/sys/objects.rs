//! Reads which objects the loader has mapped, and which symbols they define.
//!
//! dlsym(3) is not used for this. A program or a preload may define a function of that name, it takes the
//! loader's lock, and it allocates. The list of objects and their symbol tables are in memory that the loader has set
//! up before any constructor runs (elf(5), link.h). The objects that the program was started with stay in the list, in
//! the order of the search, for as long as the process lives.
//!
//! Async-signal-safe: reads memory, and nothing else. Leaves errno alone.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::c_library::loader;

/// What a link_map (link.h) begins with.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Dynamic,
    next: *const LinkMap,
}

#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

unsafe extern "C" {
    /// Our own dynamic section, by a name that the linker gives it.
    static _DYNAMIC: [u8; 0];
}

const DT_NULL: i64 = 0;
const DT_HASH: i64 = 4;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_SONAME: i64 = 14;
const DT_GNU_HASH: i64 = 0x6fff_fef5;
const DT_VERSYM: i64 = 0x6fff_fff0;

/// One object: a program, a library, the kernel's vDSO.
pub struct Object {
    base: usize,
    symbols: *const libc::Elf64_Sym,
    strings: *const c_char,
    versions: *const u16,
    gnu_hash: *const u32,
    hash: *const u32,
    name: usize,
}

/// Returns the next definition of a function, in the order of LD_PRELOAD, behind this library: what
/// `dlsym(RTLD_NEXT, …)` finds. Null if there is none.
///
/// A library that was opened by dlopen(3) finds the definition of the C library.
pub fn next(name: &CStr) -> *const c_void {
    let ours = ptr::addr_of!(_DYNAMIC).cast();
    let mut behind = all().skip_while(|map| map.dynamic != ours);
    behind.next();
    let found = behind.find_map(|map| map.object()?.find(name));
    found.map_or_else(|| of_libc(name), |address| address as *const c_void)
}

/// Returns whether an object before this library, in the order of the search, defines a function.
pub fn is_defined_before(name: &CStr) -> bool {
    let ours = ptr::addr_of!(_DYNAMIC).cast();
    let mut before = all().take_while(|map| map.dynamic != ours);
    before.any(|map| {
        map.object()
            .is_some_and(|object| object.find(name).is_some())
    })
}

/// Returns the C library's definition of a function; null if there is none.
pub fn of_libc(name: &CStr) -> *const c_void {
    /// The object that the last function was found in: most are in the same one, which stays.
    static LAST: AtomicPtr<LinkMap> = AtomicPtr::new(ptr::null_mut());
    // SAFETY: null, or an entry that was stored below. The C library is never unloaded.
    let last = unsafe { LAST.load(Ordering::Relaxed).as_ref() };
    if let Some(address) = last.and_then(|map| map.object()?.find(name)) {
        return address as *const c_void;
    }
    for map in all() {
        let object = map.object();
        let part = object.filter(|object| loader::is_libc(object.base, object.soname()));
        if let Some(address) = part.and_then(|part| part.find(name)) {
            LAST.store(ptr::from_ref(map).cast_mut(), Ordering::Relaxed);
            return address as *const c_void;
        }
    }
    ptr::null()
}

/// Iterates over the loader's list of objects.
fn all() -> impl Iterator<Item = &'static LinkMap> {
    // SAFETY: the loader's list. It is complete before any constructor runs, entries of what the program
    // was started with are never removed, and each next pointer is null or an entry.
    let mut next = unsafe { loader::first().cast::<LinkMap>().as_ref() };
    std::iter::from_fn(move || {
        let map = next?;
        // SAFETY: null or the next entry of the loader's list, which stays as long as the process.
        next = unsafe { map.next.as_ref() };
        Some(map)
    })
}

impl LinkMap {
    /// Returns the symbols of an entry.
    fn object(&self) -> Option<Object> {
        // SAFETY: the loader has mapped the object, and names its base and its dynamic section.
        unsafe { Object::of(self.base, self.dynamic.cast()) }
    }
}

impl Object {
    /// Reads the dynamic section of an object.
    ///
    /// # Safety
    ///
    /// An object is mapped `base` bytes above the addresses that are written in it, its dynamic section is
    /// at `dynamic`, and it stays there.
    pub unsafe fn of(base: usize, dynamic: *const c_void) -> Option<Self> {
        let mut dynamic: *const Dynamic = dynamic.cast();
        let mut object = Self {
            base,
            symbols: ptr::null(),
            strings: ptr::null(),
            versions: ptr::null(),
            gnu_hash: ptr::null(),
            hash: ptr::null(),
            name: 0,
        };
        // SAFETY: a dynamic section ends with DT_NULL.
        while let Some(Dynamic { tag, value }) = unsafe { dynamic.as_ref() } {
            // The loader has turned offsets into addresses, but not in the vDSO.
            let address = if *value < base { base + *value } else { *value };
            match *tag {
                DT_NULL => break,
                DT_SYMTAB => object.symbols = address as *const _,
                DT_STRTAB => object.strings = address as *const _,
                DT_VERSYM => object.versions = address as *const _,
                DT_GNU_HASH => object.gnu_hash = address as *const _,
                DT_HASH => object.hash = address as *const _,
                DT_SONAME => object.name = *value,
                _ => {}
            }
            dynamic = dynamic.wrapping_add(1);
        }
        (!object.symbols.is_null() && !object.strings.is_null()).then_some(object)
    }

    fn soname(&self) -> Option<&'static CStr> {
        // SAFETY: an offset into the string table, where strings end in a zero byte.
        (self.name != 0).then(|| unsafe { CStr::from_ptr(self.strings.add(self.name)) })
    }

    /// Returns the address of a function that the object defines, in its default version.
    pub fn find(&self, name: &CStr) -> Option<usize> {
        // SAFETY: the tables of a mapped object, and only places that they themselves name.
        unsafe {
            if !self.gnu_hash.is_null() {
                self.find_by_gnu_hash(name)
            } else if !self.hash.is_null() {
                self.find_by_hash(name)
            } else {
                None
            }
        }
    }

    /// Finds a symbol by the GNU hash table (elf/dl-lookup.c of glibc).
    ///
    /// # Safety
    ///
    /// The object has such a table.
    unsafe fn find_by_gnu_hash(&self, name: &CStr) -> Option<usize> {
        let hash = name.to_bytes().iter().fold(5381_u32, |hash, byte| {
            hash.wrapping_mul(33).wrapping_add(u32::from(*byte))
        });
        let table = self.gnu_hash;
        // SAFETY: the caller's promise. The header says how long the parts are.
        unsafe {
            let [buckets, first, words, shift] = [0, 1, 2, 3].map(|word| *table.add(word));
            let filter = table.add(4).cast::<u64>();
            let word = *filter.add((hash / 64 % words) as usize);
            if word >> (hash % 64) & word >> ((hash >> shift) % 64) & 1 == 0 {
                return None;
            }
            let bucket = filter.add(words as usize).cast::<u32>();
            let chain = bucket.add(buckets as usize);
            let mut symbol = *bucket.add((hash % buckets) as usize);
            if symbol < first {
                return None;
            }
            loop {
                let found = *chain.add((symbol - first) as usize);
                if (found | 1) == (hash | 1)
                    && let Some(address) = self.is(symbol, name)
                {
                    return Some(address);
                }
                if found & 1 != 0 {
                    return None;
                }
                symbol += 1;
            }
        }
    }

    /// Finds a symbol by the System V hash table (elf(5)).
    ///
    /// # Safety
    ///
    /// The object has such a table.
    unsafe fn find_by_hash(&self, name: &CStr) -> Option<usize> {
        let hash = name.to_bytes().iter().fold(0_u32, |hash, byte| {
            let hash = (hash << 4).wrapping_add(u32::from(*byte));
            let high = hash & 0xf000_0000;
            (hash ^ high >> 24) & !high
        });
        // SAFETY: the caller's promise. The header says how long the parts are.
        unsafe {
            let [buckets, _] = [0, 1].map(|word| *self.hash.add(word));
            let bucket = self.hash.add(2);
            let chain = bucket.add(buckets as usize);
            let mut symbol = *bucket.add(hash.checked_rem(buckets)? as usize);
            while symbol != 0 {
                if let Some(address) = self.is(symbol, name) {
                    return Some(address);
                }
                symbol = *chain.add(symbol as usize);
            }
            None
        }
    }

    /// Returns the address of the symbol of that number if it is a function's of that name.
    unsafe fn is(&self, number: u32, name: &CStr) -> Option<usize> {
        const STT_FUNC: u8 = 2;
        /// Not the default version: `name@VERSION`, not `name@@VERSION`.
        const HIDDEN: u16 = 0x8000;
        // SAFETY: the caller's promise; a number out of the object's own table.
        unsafe {
            let symbol = &*self.symbols.add(number as usize);
            let hidden =
                !self.versions.is_null() && *self.versions.add(number as usize) & HIDDEN != 0;
            let is_it = symbol.st_info & 0xf == STT_FUNC
                && symbol.st_shndx != 0
                && !hidden
                && CStr::from_ptr(self.strings.add(symbol.st_name as usize)) == name;
            is_it.then(|| self.base + symbol.st_value as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libc_function_is_where_the_loader_finds_it() {
        for name in [c"exit", c"fork", c"getgrouplist", c"chroot"] {
            // SAFETY: a C string.
            let wanted = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            assert_eq!(of_libc(name), wanted.cast_const(), "{name:?}");
        }
        assert!(of_libc(c"no_such_function").is_null());
    }
}
