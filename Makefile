# "make help" lists what can be made. Needs GNU make and gcc or clang.

# These are arguments: they count on make's command line. Others export such names for their own purposes.
ARGUMENTS = ARGS BUILD CLIENT FORCE LESSON MISTAKE ROUNDS SECONDS SOAK UPDATE V VARIANT WORKSHOP \
	ALONE BROWSER FAIL_FAST FOREIGN LEARN PASSED_LESSON PATIENCE TOUR_CLIENT TOUR_TRANSCRIPT TRANSCRIPT
$(foreach name,$(ARGUMENTS),$(if $(filter environment,$(origin $(name))),$(eval undefine $(name))))
# The programs that are started speak one language, and find what they always find.
export LC_ALL = C.UTF-8
unexport LANGUAGE CDPATH GREP_OPTIONS POSIXLY_CORRECT PYTHONHOME PYTHONPATH

# How a text is written for the shell, and in C.
quoted = '$(subst ','\'',$1)'
in_c = "$(subst ",\",$(subst \,\\,$1))"
# A word about what is done, instead of the command; V=1 shows the command, -s neither.
SILENT = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(V),,@$(if $(SILENT),,echo '$1 $2';))
# Makes the folder of what is made.
FOLDER = @sh lessons/tools/folder.sh $(@D)

CFLAGS ?= -O2 -g
# A row of a table may leave its last fields out.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Werror=format-security \
	-Wno-missing-field-initializers
# What costs nothing and makes a mistake in memory end the program instead of being of use to somebody:
# checked copies (which need -O1 or more), guarded stacks, addresses that cannot be foretold, tables
# that cannot be changed.
HARDENING = $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
	-fstack-protector-strong
LINK_HARDENING = -pie -Wl,-z,relro -Wl,-z,now
# _GNU_SOURCE: accept4, pthread_setname_np and pthread_timedjoin_np are not in POSIX.
ALL_CPPFLAGS = -D_GNU_SOURCE -I. -DCLIENT_DIRECTORY=$(call quoted,$(call in_c,$(CLIENT_DIRECTORY))) \
	$(CPPFLAGS)
ALL_CFLAGS = -std=c11 -fPIE $(WARNINGS) $(CFLAGS) $(HARDENING) $(VARIANT) -pthread
ALL_LDFLAGS = $(LINK_HARDENING) $(LDFLAGS)
LIBS = -lmd -lb64

# Where the program looks for the page's files.
CLIENT_DIRECTORY = $(CURDIR)/client
# Where "make install" puts all; DESTDIR, for who makes packages, is put before it.
PREFIX = /usr/local

# A variant of the program has its own folder for what is made, and its own flags.
BUILD ?= build/release
# In GitHub Codespaces, a browser comes by another address than the server's own.
FORWARDED = $(if $(CODESPACE_NAME),sh lessons/tools/forwarded.sh)
# With a lesson to check, SERVER is the command of any other program, from the environment, too:
# lessons/tools/check.sh starts it.
ifneq ($(and $(LESSON),$(filter check,$(MAKECMDGOALS)),$(value SERVER)),)
export FOREIGN := $(value SERVER)
override SERVER = server
endif
SERVER = server

# Each part of the server has a header; server.c has main.
PARTS = $(basename $(wildcard *.h))
OBJECTS = $(PARTS:%=$(BUILD)/%.o)
SUITES = $(sort $(basename $(notdir $(wildcard tests/[0-9]*.c))))
SOURCES = $(wildcard *.[ch] tests/*.[ch] tests/bench/*.c tests/interop/*.[ch] lessons/tools/*.[ch])

# The Debian and Ubuntu packages: to build and run; to go through the lessons; to test.
PACKAGES = gcc libc6-dev make libb64-dev libmd-dev
WORKSHOP_PACKAGES = $(PACKAGES) libcunit1-dev gdb python3 curl netcat-openbsd xxd openssl procps
TEST_PACKAGES = $(WORKSHOP_PACKAGES) clang $(FUZZER_PACKAGE) clang-format clang-tidy cppcheck gawk \
	util-linux zsh fish nginx fossil pandoc ca-certificates fonts-dejavu-core fonts-noto-color-emoji \
	help2man man-db mandoc $(NODE_PACKAGES) $(PEER_PACKAGES)
# The clients that others wrote. Ubuntu has no firefox-esr; the tests leave it out there.
PEER_PACKAGES = python3-websockets python3-aiohttp python3-gi gir1.2-soup-3.0 libwebsockets-dev \
	libcurl4-openssl-dev $(FIREFOX_PACKAGE)
FIREFOX_PACKAGE = $$(apt-cache show firefox-esr >/dev/null 2>&1 && echo firefox-esr)
# Node.js may be there from elsewhere, with an npm that Debian's package would be in conflict with.
NODE_PACKAGES = $(shell command -v node >/dev/null || echo nodejs; command -v npm >/dev/null || echo npm)
# What clang's fuzzer needs is a package of its own, or where there is none, comes with clang. The shell
# asks, not make: make would ask before "apt-get update" has brought the list of packages.
FUZZER_PACKAGE = $$(apt-cache show libclang-rt-dev >/dev/null 2>&1 && echo libclang-rt-dev)
BENCH_PACKAGES = g++ libboost-dev libwebsockets-evlib-ev python3-matplotlib cloc
SUDO = $(shell test "$$(id -u)" = 0 || command -v sudo)
APT = $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

.PHONY: all run install uninstall man check test deps test-deps debug-build check-clang check-asan \
	check-tsan check-stages check-command-line check-peers check-browser check-firefox check-bench bench \
	bench-deps lint format check-house clean help help-all FORCE

all: $(SERVER) ## build ./server
	@$(if $(SILENT),,echo 'built ./$<$(if $(filter server,$<),: make run)')

run: $(SERVER) ## build it, start it, and print the page's address (ARGS="--port 9000")
	@$(FORWARDED) ./$(SERVER) --wire $(ARGS)

$(SERVER): $(BUILD)/server.o $(OBJECTS)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The program holds the absolute name of client/: it must be built again where the folder was moved.
$(BUILD)/files.o: $(BUILD)/folder
$(BUILD)/folder: FORCE
	$(FOLDER)
	@printf '%s\n' $(call quoted,$(CLIENT_DIRECTORY)) | cmp -s - $@ || \
		printf '%s\n' $(call quoted,$(CLIENT_DIRECTORY)) >$@

$(BUILD)/%.o: %.c Makefile
	$(FOLDER)
	$(call say,CC,$<)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $< || \
		sh lessons/tools/missing.sh $< $(CC) $(ALL_CPPFLAGS)

debug-build: ## build build/debug/server for a debugger: nothing optimised away
	@$(MAKE) --no-print-directory BUILD=build/debug SERVER=build/debug/server CFLAGS="-O0 -g3" \
		HARDENING=

install: ## install the server, its page and its man page (PREFIX=/usr/local)
	@case $(call quoted,$(PREFIX)) in /*) ;; *) echo "PREFIX must begin with a slash."; exit 1 ;; esac
	@$(MAKE) --no-print-directory BUILD=build/install SERVER=build/install/server \
		CLIENT_DIRECTORY=$(call quoted,$(PREFIX)/share/websocket-server)
	install -D build/install/server -t $(call quoted,$(DESTDIR)$(PREFIX)/bin)
	install -D -m 644 server.1 -t $(call quoted,$(DESTDIR)$(PREFIX)/share/man/man1)
	cd client && find . -type f ! -path '*/.*' ! -name package.json \
		-exec install -D -m 644 {} $(call quoted,$(DESTDIR)$(PREFIX)/share/websocket-server)/{} \;

uninstall: ## remove what "make install" has installed, with the same PREFIX
	cd $(call quoted,$(DESTDIR)$(PREFIX)) && rm -rf bin/server share/man/man1/server.1 share/websocket-server

man: $(SERVER) ## write the man page, server.1, from --help and server.h2m
	@sh tests/manual.sh ./$(SERVER) server.1

clean: ## remove all that was made
	rm -rf build server compile_commands.json

help: ONLY = all run workshop check lesson mine watch solution debug doctor workshop-deps help-all
help: ## print the commands that are used most
help-all: ## print all commands
help help-all:
	@awk -F ':[^#]*## ' -v only=' $(ONLY) ' ' \
		/^# ---- / { gsub(/^# ---- | ----$$/, ""); heading = "\n" $$0 "\n" } \
		/^[a-z][a-z._-]*:[^#]*## / && (only == "  " || index(only, " " $$1 " ")) { \
			printf "%s  make %-22s %s\n", heading, $$1, $$2; heading = "" }' Makefile

# ---- the workshop ----

.PHONY: workshop lesson mine watch solution doctor workshop-deps

workshop: ## the folder for your own code (LESSON=3: at the beginning of lesson 3)
	@sh lessons/tools/workshop.sh "$${LESSON:-}"

ifneq ($(LESSON),)
check: ## LESSON=3: lesson 3's check, of workshop/ (or of SERVER="node my.js")
	@sh lessons/tools/check.sh "$$LESSON"
endif

lesson: ## your way through the lessons: done, next, not yet
	@sh lessons/tools/path.sh

mine: ## build the server in workshop/ and start it (ARGS="--port 9000")
	@test -d workshop || { echo "There is no workshop/ yet: make workshop makes it."; exit 1; }
	@mkdir -p build
	@sh lessons/tools/build.sh workshop build/mine
	$(FORWARDED) build/mine $(ARGS)

watch: ## check the lesson you are at whenever a file in workshop/ changes
	@sh lessons/tools/watch.sh

solution: ## LESSON=3: its functions, finished, when yours pass (or FORCE=1)
	@sh lessons/tools/solution.sh "$${LESSON:-}"

doctor: ## is there all that the lessons need?
	@sh lessons/tools/doctor.sh

# ---- the debugger ----

.PHONY: debug tours check-tours

debug: ## a lesson's tour in gdb (LESSON=9; CLIENT=1: no browser is needed)
	@LESSON="$(LESSON)" CLIENT="$(CLIENT)" sh lessons/tools/debug.sh

tours: ## print the tours (LESSON=9 for one); UPDATE=1: into the lessons
	@sh lessons/tools/tours.sh $(if $(UPDATE),update,print) $(LESSON)

# Some containers forbid it; make doctor says what to do. Said instead of tested, there.
IF_GDB_MAY_TRACE = sh lessons/tools/may-trace.sh || \
	{ echo "0 passed: left out, for gdb may not trace here (make doctor)"; exit 0; };

check-tours: ## every tour shows what its lesson says (LESSON=9 for one)
	@$(IF_GDB_MAY_TRACE) sh lessons/tools/tours.sh check $(LESSON)

# ---- tests ----

# With a LESSON, check is another rule: see "the workshop".
ifeq ($(LESSON),)
check: $(SERVER) $(BUILD)/server-counted $(SUITES:%=$(BUILD)/tests/%) ## the quick tests, in C
	@SERVER=./$(SERVER) COUNTED_SERVER=$(BUILD)/server-counted NOT_RANDOM="$(NOT_RANDOM)" \
		sh tests/run.sh $(BUILD)/tests $(SUITES)
endif

# The same server, whose calls are counted on their way, and can be made to fail.
COUNTED = recv send poll clock_gettime ioctl malloc calloc realloc mmap pthread_create accept4 setsockopt
$(BUILD)/server-counted: $(BUILD)/server.o $(OBJECTS) $(BUILD)/tests/counted.o
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(COUNTED:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# What the suites share.
HARNESS = $(BUILD)/tests/harness.a
$(HARNESS): $(patsubst %,$(BUILD)/tests/%.o,harness learn show foreign share_counts)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(HARNESS) $(OBJECTS)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcunit $(LIBS)

# Keep the objects on the way to a program: make would remove those that only a pattern asks for.
.SECONDARY:

# The builds that look for memory errors, leaks and undefined behaviour; and for data races.
ASAN = BUILD=build/asan SERVER=build/asan/server CFLAGS="-O1 -g" HARDENING= \
	VARIANT="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
TSAN = BUILD=build/tsan SERVER=build/tsan/server CFLAGS="-O1 -g" HARDENING= VARIANT=-fsanitize=thread
# Thread sanitizer needs its memory where it expects it; randomised addresses may be in the way.
NOT_RANDOM = $(shell setarch -R true 2>/dev/null && echo setarch -R)

# The first find most faults soonest. The last measure, or fill the machine: each has it for itself.
SIDE_BY_SIDE = check-proof check-faults check-clang check-stages check-lessons lint check-mistakes \
	check-workshop check-learn check-tours check-foreign check-command-line check-editor check-fuzz \
	check-environment check-house
ALONE = check-asan check-tsan check-bench check-soak check-peers check-browser check-firefox

test: ## all tests: tests/README.md lists them
	@$(MAKE) --no-print-directory check BUILD=build/werror SERVER=build/werror/server VARIANT=-Werror
	@$(MAKE) --no-print-directory check-conformance BUILD=build/werror SERVER=build/werror/server
	@$(MAKE) -s --no-print-directory $(SERVER) $(SUITES:%=$(BUILD)/tests/%) $(BUILD)/tests/stage \
		tests/node_modules
	@sh tests/parts.sh $(SIDE_BY_SIDE)
	@for part in $(ALONE); do $(MAKE) --no-print-directory $$part || exit; done
	@echo "All tests have passed."

check-clang: ## the quick tests, on what clang makes
	@$(MAKE) --no-print-directory check CC=clang BUILD=build/clang SERVER=build/clang/server \
		VARIANT=-Werror

check-asan: ## the quick tests, looking for memory errors and undefined behaviour
	@$(MAKE) --no-print-directory check $(ASAN)

check-tsan: ## the quick tests, looking for data races
	@$(MAKE) --no-print-directory check $(TSAN)

check-stages: build/release/tests/stage ## every stage of the course builds and starts
	@sh tests/stages.sh $(call quoted,$(CURDIR)/build/stages) \
		$(call quoted,$(CURDIR)/build/release/tests/stage) gcc clang

tests/node_modules: tests/package-lock.json
	cd tests && npm ci --no-audit --no-fund
	@touch $@

check-command-line: $(SERVER) ## --help, the man page, what is said when something is wrong, colours
	@SERVER=$(SERVER) sh tests/command_line.sh

# What is too old for this is left out, with a sentence: curl of before 8.11, for one.
PEERS = build/peers
PEER = SERVER=./$(SERVER)
# Node.js 20 has its WebSocket behind an option, which older ones do not know.
NODE_WEBSOCKET = $$(node --experimental-websocket -e 0 2>/dev/null && echo --experimental-websocket)

check-peers: $(PEERS)/libwebsockets $(PEERS)/curl
check-peers: $(SERVER) tests/node_modules ## clients that others wrote: ws, curl, libsoup, ...
	$(PEER) timeout 300 node --test tests/interop/ws.test.mjs
	$(PEER) timeout 120 node $(NODE_WEBSOCKET) tests/interop/builtin.test.mjs
	$(PEER) timeout 300 /usr/bin/python3 tests/interop/websockets_test.py
	$(PEER) timeout 300 /usr/bin/python3 tests/interop/aiohttp_test.py
	$(PEER) timeout 300 /usr/bin/python3 tests/interop/libsoup_test.py
	$(PEER) sh tests/interop/with-server.sh $(PEERS)/libwebsockets
	$(PEER) sh tests/interop/with-server.sh $(PEERS)/curl
	$(PEER) sh tests/interop/with-server.sh sh tests/interop/curl.sh
	timeout 300 /usr/bin/python3 tests/compare/rules.py 'this server=./$(SERVER) --port 0'

$(PEERS)/libwebsockets: PEER_LIBRARY = -lwebsockets
$(PEERS)/curl: PEER_LIBRARY = -lcurl
$(PEERS)/libwebsockets $(PEERS)/curl: $(PEERS)/%: $(PEERS)/%.o $(PEERS)/exchange.o
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PEER_LIBRARY)

$(PEERS)/%.o: tests/interop/%.c tests/interop/exchange.h Makefile
	$(FOLDER)
	$(call say,CC,$<)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $< || \
		sh lessons/tools/missing.sh $< $(CC) $(ALL_CPPFLAGS)

check-browser: $(SERVER) tests/node_modules ## the page, in Chromium; also behind nginx with TLS
	node --test tests/wire.test.mjs
	$(PEER) node --test --test-concurrency=1 tests/browser/page.test.mjs \
		tests/browser/wire.test.mjs tests/browser/tls.test.mjs

check-firefox: $(SERVER) tests/node_modules ## the page, in Debian's Firefox
	$(PEER) sh tests/browser/firefox.sh

# ---- how fast it is ----

BENCH = build/bench
ROUNDS ?= 9
BENCH_TOOLS = $(BENCH)/load $(BENCH)/raw
BENCH_PEERS = $(BENCH)/libwebsockets $(BENCH)/beast tests/node_modules

bench: $(SERVER) $(BENCH_TOOLS) $(BENCH_PEERS) ## measure the speed, beside others (ROUNDS=9 SECONDS=.5)
	/usr/bin/python3 tests/bench/bench.py --server ./$(SERVER) --folder $(BENCH) \
		--rounds $(ROUNDS) --seconds $(or $(SECONDS),.5)

check-bench: $(SERVER) $(BENCH_TOOLS) ## the benchmark's own tools work, and notice a wrong echo
	sh tests/bench/check.sh ./$(SERVER) $(BENCH)

.PHONY: compare

compare: $(SERVER) $(BENCH_PEERS) $(BENCH)/libwebsockets-poll ## the same rules put to other servers; how long each is
	@/usr/bin/python3 tests/compare/rules.py 'this server=./$(SERVER) --port 0' \
		'ws=node tests/bench/peers/ws.mjs' 'Boost.Beast=$(BENCH)/beast' \
		'libwebsockets=$(BENCH)/libwebsockets-poll' \
		'websockets=/usr/bin/python3 tests/bench/peers/python_websockets.py'
	@for code in "server.c $(PARTS:%=%.c) $(PARTS:%=%.h)" tests/node_modules/ws/lib \
		/usr/include/boost/beast/websocket /usr/lib/python3/dist-packages/websockets; do \
		echo "lines of code: $$(cloc --quiet --csv --sum-one $$code | sed -n 's/.*SUM.*,//p') in $$code"; done

$(BENCH)/%: tests/bench/%.c Makefile
	$(FOLDER)
	$(call say,CC,$<)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $<

$(BENCH)/libwebsockets-poll: LOOP = -DLOOP=0
$(BENCH)/libwebsockets $(BENCH)/libwebsockets-poll: tests/bench/peers/libwebsockets.c Makefile
	$(FOLDER)
	$(call say,CC,$<)$(CC) -std=c11 -O2 -Wall -Wextra $(LOOP) -o $@ $< -lwebsockets

$(BENCH)/beast: tests/bench/peers/beast.cpp Makefile
	$(FOLDER)
	$(call say,CC,$<)$(CXX) -std=c++17 -O2 -Wall -Wextra -pthread -o $@ $<

# ---- conformance ----

.PHONY: check-conformance

SUITE_LOGS = $(SUITES:%=$(BUILD)/tests/%.log)

check-conformance: ## each rule of the standards has a test, and that has passed
	@$(if $(filter-out $(wildcard $(SUITE_LOGS)),$(SUITE_LOGS)),$(MAKE) --no-print-directory check,:)
	@sh tests/conformance.sh $(BUILD)/tests

# ---- fuzzing ----

FUZZ = build/fuzz
FUZZ_TARGETS = request session utf8
# The server's calls that are led to a peer in memory: tests/fuzz/script.h.
FUZZ_CALLS = recv send shutdown setsockopt ioctl time clock_gettime
FUZZ_FLAGS = $(ALL_CPPFLAGS) -std=c11 $(WARNINGS) -Werror -O1 -g -fno-omit-frame-pointer -pthread \
	-fsanitize=address,undefined -fno-sanitize-recover=all
SOURCES += $(wildcard tests/fuzz/*.c tests/fuzz/*.h)

.PHONY: fuzz check-fuzz

fuzz: $(FUZZ_TARGETS:%=$(FUZZ)/%) ## search for inputs that break the server (SECONDS=60 for each target)
	@nice sh tests/fuzz/run.sh $(FUZZ) $(or $(SECONDS),60) $(FUZZ_TARGETS)

check-fuzz: $(FUZZ_TARGETS:%=$(FUZZ)/%) ## the same for 30 seconds each
	@nice sh tests/fuzz/run.sh $(FUZZ) $(or $(SECONDS),30) $(FUZZ_TARGETS)

$(FUZZ)/%: $(FUZZ)/tests/%.o $(FUZZ)/tests/script.o $(PARTS:%=$(FUZZ)/%.o)
	$(call say,LINK,$@)clang $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZ_CALLS:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# What the fuzzer learns from is the server's code, not that of its tests.
$(FUZZ)/%.o: %.c $(wildcard *.h) Makefile
	$(FOLDER)
	$(call say,CC,$<)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ)/tests/%.o: tests/fuzz/%.c $(wildcard tests/fuzz/*.h *.[ch]) Makefile
	$(FOLDER)
	$(call say,CC,$<)clang $(FUZZ_FLAGS) -c -o $@ $<

# ---- faults ----

# Without _FORTIFY_SOURCE, with which the compiler puts other calls in their place (__recv_chk).
NOT_FORTIFIED = -U_FORTIFY_SOURCE
$(BUILD)/tests/faults.o: HARDENING = $(NOT_FORTIFIED)

.PHONY: check-faults faults

check-faults: ## every call fails once, one after the other; again under sanitizers
	@$(MAKE) --no-print-directory faults BUILD=build/faults HARDENING=$(NOT_FORTIFIED)
	@$(MAKE) --no-print-directory faults $(ASAN) BUILD=build/faults-asan HARDENING=$(NOT_FORTIFIED)
	@$(MAKE) --no-print-directory faults $(TSAN) BUILD=build/faults-tsan HARDENING=$(NOT_FORTIFIED)

faults: $(BUILD)/server-counted $(BUILD)/tests/faults ## the same on this build alone
	@COUNTED_SERVER=$(BUILD)/server-counted $(NOT_RANDOM) $(BUILD)/tests/faults

# ---- mistakes ----

MISTAKES = build/mistakes
MISTAKE ?=
.PHONY: check-mistakes

check-mistakes: ## the tests catch what others got wrong, and say what (MISTAKE=name)
	@$(MAKE) -s --no-print-directory BUILD=$(MISTAKES) CFLAGS="-O1 -g" $(MISTAKES)/server.o \
		$(OBJECTS:$(BUILD)/%=$(MISTAKES)/%) $(SUITES:%=$(MISTAKES)/tests/%.o) \
		$(HARNESS:$(BUILD)/%=$(MISTAKES)/%)
	@CC="$(CC)" sh tests/mistakes.sh $(MISTAKES) $(MISTAKE)

# ---- load and abuse ----

.PHONY: soak-once check-soak soak

SOAK ?= short

soak-once: $(SERVER) $(BUILD)/tests/soak ## load and abuse of this build (SOAK=short, or full)
	@SERVER=./$(SERVER) $(NOT_RANDOM) $(BUILD)/tests/soak $(SOAK)

check-soak: ## crowds, bad clients, want of everything; again under sanitizers
	@$(MAKE) --no-print-directory soak-once
	@$(MAKE) --no-print-directory soak-once $(ASAN)
	@$(MAKE) --no-print-directory soak-once $(TSAN)

soak: ## the same at full size
	@$(MAKE) --no-print-directory soak-once SOAK=full

# ---- the course's checks ----

PROOF = build/proof
.PHONY: check-proof check-workshop check-environment check-editor check-learn check-foreign

check-proof: ## the lessons' checks see each stage, and each function left out alone
	@$(MAKE) -s --no-print-directory BUILD=$(PROOF) CFLAGS=-O1 HARDENING= \
		$(SUITES:%=$(PROOF)/tests/%.o) $(HARNESS:$(BUILD)/%=$(PROOF)/%)
	@CC="$(CC)" sh tests/proof.sh $(PROOF)

check-workshop: ## these commands do what they say, in a copy of all this
	@sh tests/workshop.sh

check-environment: $(SERVER) ## nothing in a learner's environment changes what the commands do
	@python3 tests/environment.py

check-editor: ## what editors and containers are told is right; what is missing is said
	@python3 tests/editor_test.py

# They ask a server for nothing but bytes. (13 and 14 are about views and limits of our own.)
WIRE_SUITES = 01_listen 02_threads 05_page 06_upgrade 08_switch 10_echo 11_control 12_messages

check-learn: build/release/tests/harness.a ## what a learner is shown: a wrong byte, a crash, a hang, a gap
	@$(IF_GDB_MAY_TRACE) sh tests/learn.sh $(call quoted,$(CURDIR)/build/learn)

check-foreign: $(SUITES:%=$(BUILD)/tests/%) tests/node_modules ## the checks are fair to another good server, npm's ws
	@sh tests/foreign.sh $(BUILD)/tests $(WIRE_SUITES)

# ---- the book: pictures, checks of the lessons, handbook ----

.PHONY: pictures check-lessons handbook

pictures: ## make the lessons' pictures from their sources
	@python3 lessons/tools/pictures

check-lessons: $(SERVER) ## what the lessons quote, show and link to is so (LESSON=7 for one)
	@python3 lessons/tools/pictures --check
	@python3 tests/lessons_test.py
	@python3 lessons/tools/check-lessons $(LESSON)
	@python3 lessons/tools/handbook --html build

handbook: ## all lessons as one file: build/handbook.html, and a PDF for paper
	@python3 lessons/tools/handbook build

# ---- the code's form ----

# cppcheck does not see that the fuzzers' require() ends where memory is lacking.
lint: compile_commands.json ## clang-tidy and cppcheck
	clang-tidy --quiet -p . --warnings-as-errors='*' $(filter %.c,$(SOURCES))
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
		--suppress=normalCheckLevelMaxBranches --suppress=ctunullpointerOutOfMemory \
		--std=c11 -D_GNU_SOURCE -DCLIENT_DIRECTORY='""' $(filter %.c,$(SOURCES))

format: ## lay out all C files as .clang-format says
	clang-format -i $(SOURCES)

check-house: ## Makefile, texts, headers and files fit together
	@python3 tests/house.py

# What the C files are made into, apart from those that lessons/tools/build.sh builds.
COMPILED = $(patsubst %.c,$(BUILD)/%.o,server.c $(PARTS:%=%.c) $(wildcard tests/*.c)) \
	$(patsubst tests/bench/%.c,$(BENCH)/%,$(wildcard tests/bench/*.c)) \
	$(patsubst tests/fuzz/%.c,$(FUZZ)/tests/%.o,$(wildcard tests/fuzz/*.c)) \
	$(patsubst tests/interop/%.c,$(PEERS)/%.o,$(wildcard tests/interop/*.c))
compile_commands.json: FORCE ## how each C file is compiled, for editors and clang-tidy
	@MAKE="$(MAKE)" sh lessons/tools/compile-commands.sh $@ $(COMPILED)

# ---- what must be installed ----

# Says what to install, where there is no apt-get. Called with the packages.
define NEEDS_APT
@command -v apt-get >/dev/null || { \
	echo "There is no apt-get here. Please install what Debian calls"; \
	echo "    $(strip $(1))"; \
	echo "Elsewhere the names differ. All this was tried on Debian 12 and 13, and on no other system."; \
	exit 1; }
endef

deps: ## install what is needed to build and run (Debian, Ubuntu)
	$(call NEEDS_APT,$(PACKAGES))
	$(APT) update
	$(APT) install -y --no-install-recommends $(PACKAGES)

workshop-deps: ## install what is needed to go through the lessons
	$(call NEEDS_APT,$(WORKSHOP_PACKAGES))
	$(APT) update
	$(APT) install -y --no-install-recommends $(WORKSHOP_PACKAGES)

test-deps: ## install what is needed to test as well
	$(call NEEDS_APT,$(TEST_PACKAGES) chromium firefox-esr)
	$(APT) update
	$(APT) install -y --no-install-recommends $(TEST_PACKAGES)
	$(APT) install -y --no-install-recommends chromium || $(APT) install -y chromium-browser
	@$(MAKE) --no-print-directory tests/node_modules

bench-deps: ## install what is needed to measure as well
	$(call NEEDS_APT,$(TEST_PACKAGES) chromium firefox-esr $(BENCH_PACKAGES))
	@$(MAKE) --no-print-directory test-deps
	$(APT) install -y --no-install-recommends $(BENCH_PACKAGES)

-include $(wildcard $(BUILD)/*.d $(BUILD)/tests/*.d)
