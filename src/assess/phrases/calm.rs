//! What speaks against every tag: edits that cannot change behaviour, looks, textbook questions, tests, tooling.

use super::{
    CALM, CONCURRENCY, DATA, Group, INFRA, MONEY, PERFORMANCE, Pair, RELIABILITY, SECURITY, TEXTBOOK, group, pair,
};

pub(super) const GROUPS: &[Group] = &[
    group(
        "wording",
        &[(CALM, 1.3)],
        "typo | typos | spelling | grammar | docstring | docstrings | doc comment | javadoc | code comment | comments only | add comments | add a comment | fix the comment | reword | wording | rephrase | translate | footer | getter | missing @override | proofread | \
        readme | changelog | release notes | contributing.md | markdown table | documentation page | docs page | docs badge | docs for | translate the | translate this | translation of | übersetze | tippfehler | rechtschreib* | kommentar* | traduce | ortografía | comentario* | 错别字 | 注释 | 翻译 | 文档 | 誤字 | コメント | 翻訳",
    ),
    group(
        "cosmetic-code",
        &[(CALM, 1.3)],
        "rename the variable | rename variable | rename local | rename the local | rename class | rename the class | rename the function | rename method | rename file | rename foo | in * rename | type hint | type hints | type annotation | sort the imports | sort imports | import order | fix imports | fix the imports | \
        unused import | whitespace | indentation | reformat | code formatting | prettier | black formatting | clang-format | lint warning | eslint warning | linter warning | move the class | move the file | extract constant | magic number | bump version | version to | benenne | umbenennen | renombra* | 重命名 | 改名 | 格式化 | リネーム | 名前を変え*",
    ),
    group(
        "looks",
        &[(CALM, 1.1)],
        "css | scss | tailwind | stylesheet | button | icon | icons | padding | margin | font | color | colour | tooltip | placeholder text | label | layout | dark mode | hover | border | rounder | modal | dialog | navbar | sidebar | mockup | landing page | banner | scrollbar | svg | checkbox | dropdown | datepicker | text field | textfield | \
        widget | listview | textview | viewport | z-index | flexbox | centered | align | animation | emoji | screenshot | html page | slide | headline | überschrift | schaltfläche | botón | color de | 按钮 | 样式 | 图标 | 颜色 | ボタン | アイコン | 色",
    ),
    group(
        "textbook",
        &[(TEXTBOOK, 1.0)],
        "what is the difference between | what's the difference between | difference between | what is a | what is an | what are | what does | explain what | explain how | explain the | explain to me | explain for | for a beginner | for beginners | in simple terms | everyday life | eli5 | \
        how does | why does | meaning of | what is the use of | when to use | can someone explain | just curious | only curious | wondering why | interview question | homework | exam question | was ist | was macht | erkläre | nur erklären | qué es | qué hace | explica | 什么是 | 有什么区别 | 是什么 | 解释 | とは | 違いは | 教えて | 初心者",
    ),
    group(
        "test-work",
        &[(CALM, 0.7), (RELIABILITY, -0.5), (CONCURRENCY, -0.5)],
        "flaky | flake | unit test | unit tests | test case | test cases | test failure | test fails | tests fail | failing test | test timeout | test suite | integration test | itest* | testcase | pytest | jest | junit | parametrize | mock | mocking | test coverage | \
        assertionerror | tests run: | snapshot test | e2e test | precommit | pre-commit | ci job | ci build | jenkins build | test data | fixture | intermittent test | transient failure of | test env* | schreib tests | prueba unitaria | 单元测试 | 测试用例 | ユニットテスト | テストを書*",
    ),
    group(
        "tooling",
        &[(CALM, 0.7)],
        "npm install | npm run | yarn | pip install | build fails | compile error | compilation error | compilation failure | cannot find symbol | module not found | modulenotfound* | no module named | import error | importerror | maven-compiler | gradle build | cmake | makefile | webpack | vscode | vs code | intellij | eclipse | xcode | \
        jupyter | syntax error | syntaxerror | typeerror | undefined is not | cannot read prop* | keyerror | indexerror | attributeerror | valueerror | nameerror | undefined reference | wsl2 | brew install | apt-get | dockerfile | production build | npm run production | build for production | regex | grep | awk | sed",
    ),
    group(
        "dependency-injection",
        &[(CALM, 0.5), (SECURITY, -0.6), (DATA, -0.4), (MONEY, -0.5)],
        "dependency injection | inject dependencies | injecting | inject a service | inject the | constructor injection | @inject | di container | ioc container | autowired | repository pattern | factory pattern",
    ),
    group(
        "lookalikes",
        &[(CALM, 0.8)],
        "lock file | lockfile* | package-lock | lock_file | yarn.lock | concurrent mode | race game | racing game | prank | fake server | toy | for fun | weekend | side project | just me using it | tower defense | game | \
        string manipulation | fibonacci | leetcode | list comprehension | regular expression | pandas dataframe | dataframe | matplotlib | beautifulsoup | numpy | tutorial | hello world | haiku | poem",
    ),
    group(
        "greeting",
        &[(CALM, 0.6)],
        "hello | hi | thanks | thank you | good morning | hallo | danke | hola | gracias | 你好 | 谢谢 | こんにちは | ありがとう",
    ),
    group(
        "only",
        &[],
        "only | nothing else | just the | no logic | static | no code change | no behaviour change | no behavior change | don't change | without changing | nur | solo | 只 | だけ",
    ),
    group(
        "files",
        &[(DATA, -0.5)],
        "files | file | folder | directory | directories | branch | branches | log files | in /tmp | under /tmp | find | copy all | symlink | carpeta | ordner | 文件 | ファイル",
    ),
    group(
        "reading-data",
        &[(DATA, -0.4)],
        "how many | select count | report of | list all | show me | read only | read-only | parse this | to json | to csv | sort this list | cuántos | wie viele | 多少",
    ),
    group(
        "small-scale",
        &[(PERFORMANCE, -0.3), (INFRA, -0.3)],
        "for loop | nested loop | my script | my first | i am new | i'm new | beginner | learning | student | exercise | course",
    ),
    group(
        "on-the-screen",
        &[(RELIABILITY, -0.7), (CALM, 0.3)],
        "npm install | docker for mac | docker desktop | on mac | on macos | on windows | scroll | scrolling | mouse | cursor | keyboard | keybinding* | minimap | terminal window | command palette | side bar | status bar | tab bar | title bar | tree view | hover widget | suggestion widget | rendering issue | camera preview | spinner | spinners | screen reader | notebook cell | installer | installation",
    ),
    group(
        "frames-and-files",
        &[(DATA, -0.7), (PERFORMANCE, -0.1)],
        "pandas | dataframe | data frame | numpy | html table | excel | spreadsheet | snapshot test | listview | json file | csv file | text file | array of objects | dictionary | list of dict* | column header | axis label* | tibble | ggplot | matrix",
    ),
    group(
        "log-lines",
        &[(RELIABILITY, -0.5)],
        "log level | log message | log statement | logging for | detailed logging | log output | enhance logging | getter | message to debug | error message",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("only", "wording", 60, &[(CALM, 0.7)]),
    pair("only", "cosmetic-code", 60, &[(CALM, 0.7)]),
    pair("only", "looks", 60, &[(CALM, 0.5)]),
];
