#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the cores do no I/O, read no clock and start no thread.

The arguments are `nm` and the static libraries of the cores. Whatever these need from elsewhere must
be allowed here: what computes, allocates or reports a defect, and nothing else.
"""

import re
import subprocess
import sys

import tap

ALLOWED = [
    # The compiler's own.
    r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__assert_fail|__errno_location|__tls_get_addr",
    r"__u?(div|mod)ti3",
    r"__(asan|ubsan|tsan|sanitizer|gcov)_\w+",
    # C: memory, text, numbers.
    r"(mem|str)\w+|bcmp|malloc|calloc|realloc|free|abort|qsort|bsearch|v?snprintf|v?sscanf",
    r"__(mem|str|snprintf|vsnprintf|isoc99_sscanf|ctype)\w*",
    r"(exp|expm1|log|log2|log10|log1p|pow|sqrt|floor|ceil|round|trunc|fmin|fmax|fabs|fmod|l?lround|"
    r"cos|sin|isnan|isinf)f?",
    # Containers, text and logging; computing with what it is given.
    r"g_\w+",
    r"protobuf_c_\w+",
    r"yaml_\w+",
    r"json_\w+",
    # Hashes, MACs, ciphers, key agreement, signatures and certificates, from memory to memory.
    r"HMAC|(EVP|HMAC|OSSL_PARAM|X509|BN|EC|ECDSA|ASN1|BIO|PEM|ERR|OPENSSL)_\w+|d2i_\w+|i2d_\w+",
    r"CRYPTO_(memcmp|free|malloc|clear_free)",
    r"uuid_(parse|unparse\w*|generate_(sha1|md5)|compare|copy|clear|is_null)",
]

# Of the above, what is a clock, a thread, a file, a process, the environment, or chance.
FORBIDDEN = [
    r"strftime|strerror_r",
    r"g_(?!date_time_(new_from_iso8601|to_unix|unref)$|time_zone_(new_utc|unref)$)\w*time\w*",
    r"g_get_(?!prgname)\w+|g_date_time_new_now\w*|g_timer_\w+|g_usleep",
    r"g_(thread|mutex|rec_mutex|rw_lock|cond|private|async_queue|once|atomic)_\w+",
    r"g_(main|source|idle|poll|io|unix)_\w+",
    r"g_(file(?!_error_quark)|dir|mapped_file|mkdtemp|mkstemp|mkdir|fopen|open|creat|access|chdir|chmod|stat|lstat|"
    r"unlink|remove|rename|rmdir|close|fsync|utime|find_program|build_filename_from)\w*",
    r"g_key_file_load_from_(file|dirs|data_dirs)|g_spawn_\w+|g_(get|set|unset|listen)env\w*",
    r"g_random_\w+|g_rand_new|g_uuid_string_random|g_print\w*|g_test_\w+",
    r"yaml_\w+_file",
    r"json_(load|dump)_?(file|fd|callback)\w*|json_(load|dump)f",
    r"BIO_(new_file|new_fp|new_fd|new_socket|new_connect|new_accept|s_file|s_fd|s_socket|s_connect)",
    r"PEM_\w+_fp|d2i_\w+_fp|i2d_\w+_fp|X509_LOOKUP_\w+|X509_cmp_current_time|X509_gmtime_adj",
    r"ERR_print_errors_fp",
]

# settings_load() reads a file, for the daemons.
EXCEPTIONS = {
    ("settings.c.o", symbol) for symbol in ("fopen", "fopen64", "fread", "ferror", "fclose")
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(nm, option, library):
    """Yields object and symbol."""
    for line in run(nm, "-A", option, library).splitlines():
        place, symbol = line.rsplit(maxsplit=1)
        yield re.search(r"([^/:]+\.o):", place)[1], symbol


def is_allowed(name, symbol):
    if (name, symbol) in EXCEPTIONS:
        return True
    if any(re.fullmatch(pattern, symbol) for pattern in FORBIDDEN):
        return False
    return any(re.fullmatch(pattern, symbol) for pattern in ALLOWED)


def main():
    nm, *libraries = sys.argv[1:]
    own = set()
    for library in libraries:
        own.update(symbol for _, symbol in symbols(nm, "--defined-only", library))
    rules = [("symbols are found", [] if len(own) > 100 else ["hardly any"])]
    for library in libraries:
        breaches = {
            f"{name} uses {symbol}"
            for name, symbol in symbols(nm, "--undefined-only", library)
            if symbol not in own and not is_allowed(name, symbol)
        }
        rules.append((f"{library.rsplit('/', 1)[-1]} only computes", sorted(breaches)))
    tap.report(rules)


main()
