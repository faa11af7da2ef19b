# dagrun's one Makefile; `make help` lists the targets. Variants differ only by
# B, the build folder, and by flags.
B ?= build
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SAN ?=
# Set by CI and by the house's own checks; a newer compiler's new warning must
# not stop a user's build.
WERROR ?=
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
        -Wundef -Wvla -Wcast-qual -Wpointer-arith $(WERROR)
ALL_C := -std=gnu17 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SAN) -fPIC -fvisibility=hidden
RUNNER_C := -Iinclude -Irunner -include runner/base/banned.h
COMMA := ,
# libpq is loaded when it is needed, not by every start.
OWN_LIBS := -lsqlite3 -lcsv -lyaml -levent_core -ljansson -lpcre2-8 -lutf8proc -lxxhash -lz -lzstd -llz4
SYSTEM_LIBS := -lm -lpthread -ldl
LIBS := $(OWN_LIBS) $(SYSTEM_LIBS)
# The program links them statically and binds at start: finding and relocating eleven
# shared libraries is a fifth of the time of a short run. --exclude-libs keeps their
# symbols out of what the program exports to plugins. STATIC= links them dynamically.
STATIC ?= 1
PROGRAM_LIBS := $(if $(STATIC),-Wl$(COMMA)--exclude-libs$(COMMA)ALL -Wl$(COMMA)-z$(COMMA)now -Wl$(COMMA)-Bstatic \
                $(OWN_LIBS) -Wl$(COMMA)-Bdynamic $(SYSTEM_LIBS),$(LIBS))

SRC := $(sort $(wildcard runner/*/*.c))
OBJ := $(SRC:%.c=$B/%.o)
LIB_OBJ := $(filter-out $B/runner/cmd/main.o,$(OBJ))
PLUGINS := $(patsubst %.c,$B/%.so,$(sort $(wildcard tasks/*.c)))
FIXTURES := $(patsubst %.c,$B/%.so,$(sort $(wildcard tests/fixtures/plugins/*.c)))
UNIT := $(patsubst %.c,$B/%,$(sort $(wildcard tests/unit/test_*.c)))
REPLAY := $(patsubst %.c,$B/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
PEERS := $(patsubst %.c,$B/%,$(sort $(wildcard tests/e2e/*.c)))
E2E := $(sort $(wildcard tests/e2e/test_*.sh))
CONFORMANCE := $B/tests/conformance/gx $B/tests/conformance/sql_on_fhir
TESTS := $(UNIT) $(REPLAY) $(CONFORMANCE) $(E2E)
C_FILES := $(sort $(wildcard include/dagrun/*.h runner/*/*.[ch] tasks/*.c tasks/*/*.[ch] bench/*.[ch] tests/*/*.[ch] tests/fixtures/plugins/*.c))

GENERATORS := $B/dagrun-generate $B/dagrun-generate-fhir
all: $B/dagrun $(GENERATORS) $(PLUGINS)

# ---- the program

# Rebuild everything when the compiler or its flags change.
FLAGS_TEXT = $(CC) $(ALL_C) $(LDFLAGS)
$B/flags: FORCE
	@mkdir -p $B; echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' >$@
# What --version says: the release and, in a checkout, the commit it was built from.
$B/generated/cmd/version.h: FORCE
	@mkdir -p $(@D); \
	commit=$$(git describe --always --dirty --abbrev=12 2>/dev/null || true); \
	printf '#define DR_VERSION "%s"\n#define DR_COMMIT "%s"\n#define DR_COMPILER "%s"\n#define DR_PREFIX "%s"\n' \
	  "$$(cat VERSION)" "$$commit" "$$($(CC) --version | head -n 1)" '$(PREFIX)' >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
$B/runner/%.o: runner/%.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_C) $(RUNNER_C) $(CPPFLAGS) -MMD -MP -c -o $@ $<
$B/runner/cmd/version.o: CPPFLAGS += -I$B/generated
$B/runner/cmd/version.o: $B/generated/cmd/version.h
# Before banned.h: a macro of PostgreSQL's header names one of the functions that it bans.
$B/runner/db/pg.o: RUNNER_C := -I/usr/include/postgresql -include libpq-fe.h $(RUNNER_C)
$B/libdagrun.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
$B/dagrun: $(OBJ)
	$(CC) $(SAN) -rdynamic -Wl,--as-needed $(LDFLAGS) -o $@ $^ $(PROGRAM_LIBS)
# A plugin is tasks/NAME.c and, where it is large, the files of tasks/NAME/. LIBS_NAME are
# libraries of its own, which nothing but its attempts loads.
LIBS_extract := -lcurl -lxml2
$B/tasks/extract.so: CPPFLAGS += -I/usr/include/libxml2
.SECONDEXPANSION:
$B/tasks/%.so: tasks/%.c $$(wildcard tasks/%/*.[ch]) $(wildcard include/dagrun/*.h) $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_C) -Iinclude $(CPPFLAGS) -shared $(LDFLAGS) -o $@ $(filter %.c,$^) -lm $(LIBS_$*)
$B/dagrun-generate: bench/generate.c bench/appointments.c bench/medical.c bench/options.c bench/patients.c bench/generate.h bench/random.h $B/flags
$B/dagrun-generate-fhir: bench/generate_fhir.c bench/random.h $B/flags
$(GENERATORS):
	@mkdir -p $(@D)
	$(CC) $(ALL_C) $(LDFLAGS) -o $@ $(filter %.c,$^) -lm

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/dagrun $(DESTDIR)$(PREFIX)/lib/dagrun/tasks \
	  $(DESTDIR)$(PREFIX)/share/doc/dagrun/pipelines
	install -m 755 $B/dagrun $(GENERATORS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 include/dagrun/*.h $(DESTDIR)$(PREFIX)/include/dagrun
	install -m 755 $(PLUGINS) $(DESTDIR)$(PREFIX)/lib/dagrun/tasks
	install -m 644 README.md LICENSE docs/*.md $(DESTDIR)$(PREFIX)/share/doc/dagrun
	install -m 644 docs/pipelines/*.md $(DESTDIR)$(PREFIX)/share/doc/dagrun/pipelines
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/dagrun $(DESTDIR)$(PREFIX)/bin/dagrun-generate $(DESTDIR)$(PREFIX)/bin/dagrun-generate-fhir
	rm -rf $(DESTDIR)$(PREFIX)/include/dagrun $(DESTDIR)$(PREFIX)/lib/dagrun $(DESTDIR)$(PREFIX)/share/doc/dagrun

# ---- tests

TEST_C = $(ALL_C) -Iinclude -Irunner -Itests -MMD -MP -DBUILD_DIR='"$(abspath $B)"' -DSOURCE_DIR='"$(CURDIR)"'
$B/tests/unit/%: tests/unit/%.c $B/libdagrun.a
	@mkdir -p $(@D)
	$(CC) $(TEST_C) -rdynamic $(LDFLAGS) -o $@ $< -Wl,--whole-archive $B/libdagrun.a -Wl,--no-whole-archive -lcmocka $(LIBS)
$B/tests/conformance/%: tests/conformance/%.c $B/libdagrun.a
	@mkdir -p $(@D)
	$(CC) $(TEST_C) $(LDFLAGS) -o $@ $< $B/libdagrun.a $(LIBS)
$B/bench/%: bench/%.c $B/libdagrun.a
	@mkdir -p $(@D)
	$(CC) $(TEST_C) $(LDFLAGS) -o $@ $< $B/libdagrun.a $(LIBS)
# Each fuzz entry point with a main that replays its corpus.
$B/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $B/libdagrun.a
	@mkdir -p $(@D)
	$(CC) $(TEST_C) -DFUZZ_NAME='"$*"' $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $B/libdagrun.a $(LIBS)
# Programs that end-to-end tests talk to.
$B/tests/e2e/%: tests/e2e/%.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_C) -MMD -MP $(LDFLAGS) -o $@ $<
$B/tests/fixtures/plugins/%.so: tests/fixtures/plugins/%.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_C) -Iinclude -MMD -MP -shared $(LDFLAGS) -o $@ $<

test-programs: all $(UNIT) $(REPLAY) $(FIXTURES) $(PEERS) $(CONFORMANCE)
# As many test programs at once as there are processors; each has its own folder and ports, and so many
# seconds: with a sanitizer or without optimisation, on a machine that has other work, far more than usual.
TEST_LIMIT = $(if $(SAN),-t 4000)
test: lint test-programs
	BUILD=$(abspath $B) tests/run $(TEST_LIMIT) $(TESTS)
unit: test-programs
	BUILD=$(abspath $B) tests/run $(TEST_LIMIT) $(UNIT)
e2e: test-programs
	BUILD=$(abspath $B) tests/run $(TEST_LIMIT) $(E2E)
conformance: $(CONFORMANCE)
	$B/tests/conformance/gx --list-failures $(DAGRUN_CONFORMANCE)/gx
	$B/tests/conformance/sql_on_fhir --list-failures $(DAGRUN_CONFORMANCE)/sql-on-fhir
check: test

SAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:detect_stack_use_after_return=1 \
          UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1
asan:
	$(SAN_ENV) $(MAKE) B=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' test
tsan:
	$(SAN_ENV) $(MAKE) B=build/tsan CFLAGS='-O1 -g' SAN=-fsanitize=thread unit
valgrind: test-programs
	BUILD=$(abspath $B) scripts/valgrind $(UNIT)
cover:
	$(MAKE) B=build/cover CFLAGS='-O0 -g' SAN=--coverage test
	scripts/coverage build/cover
fuzz:
	scripts/fuzz
# For scripts that link.
print-libs:
	@echo $(LIBS)
bench: all
	bench/run
conformance bench: export BUILD = $(abspath $B)

# ---- style

lint: $B/dagrun
	@scripts/lint $B
format:
	clang-format -i $(C_FILES)
check-format:
	@clang-format --dry-run -Werror $(C_FILES)
headers:
	@scripts/lint $B
both-compilers:
	$(MAKE) B=build/gcc CC=gcc WERROR=-Werror all test-programs
	$(MAKE) B=build/clang CC=clang WERROR=-Werror all test-programs

clean:
	rm -rf build
help:
	@echo 'make                the program, its plugins and the data generator, in build/'
	@echo 'make test           lint, unit, end-to-end and conformance tests, fuzz corpora'
	@echo 'make unit e2e conformance lint   one part of it'
	@echo 'make asan tsan      all tests under ASan and UBSan; unit tests under TSan'
	@echo 'make valgrind       unit tests under valgrind'
	@echo 'make cover          line coverage of runner/'
	@echo 'make fuzz           run each fuzzer for FUZZ_SECONDS (60)'
	@echo 'make bench          benchmarks against the peers that are installed'
	@echo 'make both-compilers gcc and clang, warnings as errors'
	@echo 'make format check-format   clang-format'
	@echo 'make install        DESTDIR= and PREFIX=/usr/local are honoured'
	@echo 'make clean'
FORCE:
.DELETE_ON_ERROR:
.PHONY: all install uninstall test-programs test unit e2e conformance check asan tsan valgrind cover fuzz bench \
        print-libs lint format check-format headers both-compilers clean help FORCE
-include $(shell find $B -name '*.d' 2>/dev/null)
