# lessons.mk - what keeps the course right: its tours, the checks of its checks, its texts; the Makefile
# reads this in

# ---- the tours ----

.PHONY: tours check-tours

tours: ## print the tours (LESSON=9 for one); UPDATE=1: into the lessons
	@python3 lessons/tools/tours.py $(if $(UPDATE),update,print) $(LESSON)

# Some containers forbid it; make doctor says what to do. Said instead of tested, there.
IF_GDB_MAY_TRACE = sh lessons/tools/may-trace.sh || \
	{ echo "0 passed: left out, for gdb may not trace here (make doctor)"; exit 0; };

check-tours: ## every tour shows what its lesson says (LESSON=9 for one)
	@$(IF_GDB_MAY_TRACE) python3 lessons/tools/tours.py check $(LESSON)

# ---- the course's checks ----

PROOF = build/proof
.PHONY: check-proof check-workshop check-environment check-editor check-learn check-foreign

check-proof: ## the lessons' checks see each stage, and each function left out alone
	@$(MAKE) -s --no-print-directory BUILD=$(PROOF) CFLAGS=-O1 HARDENING= \
		$(SUITES:%=$(PROOF)/tests/suites/%.o) $(HARNESS:$(BUILD)/%=$(PROOF)/%)
	@CC="$(CC)" python3 tests/system/proof.py $(PROOF)

check-workshop: ## these commands do what they say, in a copy of all this
	@sh tests/system/workshop.sh

check-environment: $(SERVER) ## nothing in a learner's environment changes what the commands do
	@python3 tests/system/environment.py

check-editor: ## what editors and containers are told is right; what is missing is said
	@python3 tests/system/editor_test.py

check-learn: build/release/tests/harness.a ## what a learner is shown: a wrong byte, a crash, a hang, a gap
	@$(IF_GDB_MAY_TRACE) sh tests/system/learn.sh $(call quoted,$(CURDIR)/build/learn)

check-foreign: $(SUITE_PROGRAMS) tests/node_modules ## the checks are fair to another good server, npm's ws
	@python3 tests/peers/foreign.py $(BUILD)/tests/suites

# ---- the book: pictures, checks of the lessons, handbook, site ----

.PHONY: pictures check-lessons handbook book recordings check-recordings check-book

pictures: ## make the lessons' pictures from their sources
	@python3 lessons/tools/pictures

check-lessons: $(SERVER) ## what the lessons quote, show and link to is so (LESSON=7 for one)
	@python3 lessons/tools/pictures --check
	@python3 tests/system/lessons_test.py
	@python3 lessons/tools/check-lessons $(LESSON)
	@python3 lessons/tools/handbook --html build

handbook: ## all lessons as one file: build/handbook.html, and a PDF for paper
	@python3 lessons/tools/handbook build

# Where the site goes: BOOK=client/book has "make run" serve it under /book/.
BOOK = build/book
book: tests/node_modules ## the course as a site: build/book/index.html (BOOK=client/book: make run shows it)
	@python3 lessons/book/make.py $(BOOK)

# In the recorded server, threads take turns.
build/recordings/server: lessons/book/turns.c

recordings: ## play the tours in gdb for the book's player (LESSON=3 for one)
	@python3 lessons/book/record.py $(LESSON)

check-recordings: ## the recordings fit the source, and are the same when made anew (LESSON=3 for one)
	@$(IF_GDB_MAY_TRACE) python3 lessons/book/record.py --check $(LESSON)

check-book: tests/node_modules ## the site: its links, its HTML, its search and players in browsers
	@python3 lessons/book/make.py build/book
	@tidy -quiet -errors --warn-proprietary-attributes no build/book/*.html build/book/source/*.html
	node --test tests/browser/book.test.mjs
	@sh tests/browser/firefox.sh tests/browser/book.test.mjs
