//! Tests properties of the parsers of the environment and the command line.

use super::config::Config;
use super::env::{Variables, erlang_string, kernel_pidfile};
use super::*;
use crate::sys::proptest_config::same_each_time;
use crate::sys::text::escaped;
use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::select;
use std::ffi::{CStr, CString, c_char, c_int};

const TEN_YEARS: Duration = Duration::from_secs(3650 * 86_400);

const NAMES: [&str; 12] = [
    "PIDFILE",
    "PIDFILE_PATH",
    "PIDFILE_EXE",
    "PIDFILE_FOLLOW",
    "PIDFILE_SIGNAL",
    "PIDFILE_GUARD",
    "PIDFILE_KILL_AFTER",
    "PIDFILE_WATCH",
    "PIDFILE_STRICT",
    "PIDFILE_LOG",
    "LIBPIDFILE_MARK",
    "LD_PRELOAD",
];

fn slots<'a>(of: &Variables<'a>) -> [Option<&'a [u8]>; 12] {
    [
        of.pidfile,
        of.pidfile_path,
        of.exe,
        of.follow,
        of.signal,
        of.guard,
        of.kill_after,
        of.watch,
        of.strict,
        of.log,
        of.exec_state,
        of.preload,
    ]
}

/// Makes what can be in an environment or on a command line.
fn string(
    of: impl Strategy<Value = u8>,
    length: impl Into<SizeRange>,
) -> impl Strategy<Value = CString> {
    vec(of, length).prop_map(|bytes| CString::new(bytes).unwrap())
}

fn entry() -> impl Strategy<Value = CString> {
    let name = prop_oneof![
        9 => select(&NAMES[..]).prop_map(str::to_owned),
        1 => "(LIB)?PIDFILE[A-Z_]{0,12}",
    ];
    let known = (name, select(&["=", "", "=="][..]), vec(1_u8.., 0..20));
    let known = known.prop_map(|(name, equals, value)| {
        CString::new([name.as_bytes(), equals.as_bytes(), &value].concat()).unwrap()
    });
    prop_oneof![3 => known, 1 => string(1_u8.., 0..40)]
}

fn argument() -> impl Strategy<Value = CString> {
    let known = [
        c"-kernel",
        c"-kernel",
        c"pidfile",
        c"pidfile",
        c"\"/a\"",
        c"\"/b\"",
        c"\"\"",
        c"\"",
        c"/c",
        c"\"/d\\\"\"",
        c"-x",
        c"--",
        c"",
        c"-",
    ];
    prop_oneof![9 => select(known.to_vec()).prop_map(CStr::to_owned), 1 => string(1_u8.., 0..9)]
}

/// Returns whether kill(2) takes a signal, and libc does not keep it for itself.
fn signal_exists(signal: c_int) -> bool {
    (1..32).contains(&signal) || (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&signal)
}

fn vector(strings: &[CString]) -> Vec<*const c_char> {
    let pointers = strings.iter().map(|string| string.as_ptr());
    pointers.chain([std::ptr::null()]).collect()
}

/// Applies the rule in other words: after each `-kernel` the arguments up to the next flag are pairs.
fn last_pidfile_of_kernel(arguments: &[CString]) -> Option<&[u8]> {
    let is_flag = |argument: &&CString| argument.to_bytes().starts_with(b"-");
    let flags = (0..arguments.len()).filter(|at| arguments[*at].as_c_str() == c"-kernel");
    let pairs = flags.flat_map(|at| {
        let end = arguments[at + 1..].iter().position(|next| is_flag(&next));
        let end = end.map_or(arguments.len(), |end| at + 1 + end);
        arguments[at + 1..end].chunks_exact(2)
    });
    let named = pairs.filter(|pair| pair[0].as_c_str() == c"pidfile");
    let values = named.map(|pair| pair[1].to_bytes());
    let mut quoted = values.filter(|value| {
        let quotes = value.iter().filter(|&&byte| byte == b'"').count();
        let both_ends = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
        both_ends && quotes == 2 && !value.contains(&b'\\')
    });
    quoted.next_back().map(|value| &value[1..value.len() - 1])
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let near = "(auto|off|fork|inotify|poll(:[0-9.]{0,6})?|SIG|RTMIN|TERM|stderr|syslog|[0-9.+-]{1,22}|[ \n]){0,3}";
    let near = near.prop_map(String::into_bytes);
    let long = (1_u8.., 0..5_000_usize).prop_map(|(byte, length)| vec![byte; length]);
    prop::option::of(prop_oneof![8 => near, 4 => vec(1_u8.., 0..20), 1 => long])
}

proptest! {
    #![proptest_config(same_each_time())]

    #[test]
    fn variables_first_of_each_name_counts(entries in vec(entry(), 0..20)) {
        let environ = vector(&entries);
        // SAFETY: the vector ends in null, and the strings are there until the end of this test.
        let found = slots(&unsafe { Variables::read(environ.as_ptr()) });
        for (name, found) in NAMES.iter().zip(found) {
            let start = format!("{name}=");
            let values = entries.iter().filter_map(|entry| {
                entry.to_bytes().strip_prefix(start.as_bytes())
            });
            prop_assert_eq!(found, values.take(1).next());
        }
    }

    #[test]
    fn command_line_follows_the_rule_of_erlang(arguments in vec(argument(), 0..14)) {
        let argv = vector(&arguments);
        // SAFETY: as above.
        let named = unsafe { kernel_pidfile(argv.as_ptr()) };
        prop_assert_eq!(named, last_pidfile_of_kernel(&arguments));
    }

    #[test]
    fn value_is_used_or_reported_in_one_line(
        setting in prop_oneof![vec(1_u8.., 1..40), vec(1_u8.., 4000..4200)],
        values in (value(), value(), value(), value(), value(), value()),
    ) {
        let mut complaints = Vec::new();
        let variables = Variables {
            follow: values.0.as_deref(),
            signal: values.1.as_deref(),
            kill_after: values.2.as_deref(),
            watch: values.3.as_deref(),
            strict: values.4.as_deref(),
            log: values.5.as_deref(),
            ..Variables::default()
        };
        let config = Config::new(&setting, None, &variables, |line| complaints.push(line));
        for line in &complaints {
            prop_assert!(!line.contains(char::is_control) && line.len() < 2000, "{line}");
            prop_assert!(line.contains("; using the default, "), "{line}");
        }
        let Ok(config) = config else {
            prop_assert!(setting.len() > 4000);
            return Ok(());
        };
        let path = config.path.to_bytes();
        prop_assert!(path.starts_with(b"/") && path.ends_with(&setting) && path.len() <= LONGEST_PATH);
        prop_assert!(signal_exists(config.signal));
        prop_assert!(config.kill_after.is_none_or(|after| after <= TEN_YEARS));
        if let Watch::Poll(interval) = config.watch {
            prop_assert!((Duration::from_millis(1)..=TEN_YEARS).contains(&interval));
        }
        for (name, given, is_default) in [
            ("FOLLOW", &values.0, config.follow == Follow::Auto),
            ("SIGNAL", &values.1, config.signal == libc::SIGTERM),
            ("KILL_AFTER", &values.2, config.kill_after.is_none()),
            ("WATCH", &values.3, config.watch == Watch::Auto),
            ("STRICT", &values.4, !config.strict),
            ("LOG", &values.5, config.log == Log::Auto),
        ] {
            let start = format!("PIDFILE_{name}=");
            let about = complaints.iter().filter(|line| line.starts_with(&start)).count();
            let at_most = usize::from(given.is_some() && is_default);
            prop_assert!(about <= at_most, "{:?}", complaints);
        }
    }

    #[test]
    fn seconds_with_fraction_are_exact(seconds in 0..400_000_000_u32, thousandths in 0..1000_u64) {
        let wanted = Duration::from_secs(u64::from(seconds)) + Duration::from_millis(thousandths);
        match values::seconds(format!("{seconds}.{thousandths:03}").as_bytes()) {
            Some(parsed) => prop_assert!(parsed.abs_diff(wanted) < Duration::from_micros(1)),
            None => prop_assert!(wanted > TEN_YEARS),
        }
    }

    #[test]
    fn signal_by_number_is_itself(number in -99..999_i32) {
        let parsed = values::signal(number.to_string().as_bytes());
        prop_assert_eq!(parsed, Some(number).filter(|number| signal_exists(*number)));
    }

    #[test]
    fn escaped_bytes_are_one_bounded_line(value: Vec<u8>, times in 1..50_usize) {
        let text = escaped(&value.repeat(times));
        prop_assert!(!text.contains(char::is_control));
        prop_assert!(text.chars().count() <= 200 * "\\u{9f}".len() + 1, "{text}");
    }

    #[test]
    fn erlang_string_without_escapes_is_the_path(path in "[^\"\\\\]{0,40}") {
        let quoted = format!("\"{path}\"");
        prop_assert_eq!(erlang_string(quoted.as_bytes()), Some(path.as_bytes()));
    }
}
