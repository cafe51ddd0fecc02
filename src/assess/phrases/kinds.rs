//! The sort of work that is asked for.

use super::{Group, group, kind};
use crate::domain::Kind;

pub(super) const GROUPS: &[Group] = &[
    group(
        "kind-fix",
        &[(kind(Kind::Bugfix), 1.0)],
        "error: | throws | threw | throwing | shows | shows nothing | not set | not properly | is not | isn't | can't | cannot | unable | incorrectly | too much | twice | make * stop | stop | rejected | refused | missing | lost | leaking | hanging | stuck | no funciona | geht nicht | funktioniert nicht | 不行 | 不对 | 失败 | 動かない | 動きません | おかしい | fix | fix this | fixes | bug | error | exception | fails | failing | failed | broken | not working | doesn't work | does not work | didn't work | don't work | crash | crashes | wrong | unexpected | stack trace | traceback | null pointer | npe | undefined | why is this rejected | declined | \
        root cause | issue: | look into this | expected behavior | actual behavior | steps to reproduce | to reproduce | regression | leak | leaks | hangs | instead of | what am i missing | what's wrong | whats wrong | what is wrong | arregla* | falla | fehler | kaputt | behebe | 修复 | 报错 | 修一下 | 帮我改 | 直して | 修正 | エラー",
    ),
    group(
        "kind-make",
        &[(kind(Kind::Boilerplate), 1.0)],
        "write | write the | script | add a | add an | make a | give me | create | yaml | config for | set up | setup | a function | a class | a program | program to | in bash | snippet | example of | wrap this | write calculate_* | endpoint | command | get me | send | copy all | find | turn this | inline this | crea | escribe | haz un* | erstelle | schreib | 写 | 做一个 | 实现一个 | 生成一个 | ください | してほしい | write a | write me | write an | create a | create an | generate a | generate | scaffold | boilerplate | script that | script to | function that | function to | command to | yaml for | dockerfile for | template for | endpoint so | how can i | how do i | how to | i want to | necesito una función | escribe un* | schreib mir | schreibe ein* | 写一个 | 帮我写 | 生成 | 書いて | 作って",
    ),
    group(
        "kind-refactor",
        &[(kind(Kind::Refactor), 1.4)],
        "refactor | make this faster | faster | speed | remove duplication | duplicate code | split this | split the function | extract the | inline the | use * instead | instead of a loop | move | replace | reduce | migrate from | convert this | port to | modernize | get rid of | lock contention | performance improvement | unused | clean up | reorganize | umbauen | aufräumen | vereinfache | limpia | simplifica | 优化 | 简化 | 整理 | 簡潔 | refactor* | rename | clean up | cleanup | simplify | extract | restructure | move the | move class | convert | speed up | optimi* | rewrite | type hints | reduce lock | remove lock | replace the | umbenenn* | benenne | refactoriza* | renombra* | 重构 | 重命名 | リファクタリング | 改善",
    ),
    group(
        "kind-tests",
        &[(kind(Kind::Tests), 1.6)],
        "unit test | unit tests | test case | test cases | write tests | add tests | add a test | test for | pytest | parametrize | flaky | test coverage | jest test | junit | testcase | e2e test | transient failure of | test failure | intermittent timeout failure | prueba | schreib tests | 单元测试 | 测试用例 | テストを書",
    ),
    group(
        "kind-docs",
        &[(kind(Kind::Docs), 1.7)],
        "readme | changelog | docstring | docstrings | documentation | document the | typo | spelling | grammar | comment to | comments to | release notes | user guide | übersetze | traduce | 文档 | 翻译 | 注释 | ドキュメント | 翻訳",
    ),
    group(
        "kind-explain",
        &[(kind(Kind::Explain), 1.2)],
        "what | why | how come | when to use | when should | understand | understanding | are there | does it | do i need | is there any | is it | how many | how does | tell me | in simple terms | difference | should | are threads | complexity of | qué | por qué | cuál | warum | wieso | wozu | welche | 为什么 | 怎么理解 | 吗 | ですか | なに | 何ですか | what is | what's | what are | what does | explain | difference between | why does | why is | why do | how does | when should | when to use | is it possible | is there a way | can i | can we | should i | which | meaning | wondering | question about | qué es | explica | was ist | was macht | erklär* | dürfen wir | 什么 | 为什么 | 区别 | 解释 | とは | なぜ | 教えて",
    ),
    group(
        "kind-review",
        &[(kind(Kind::Review), 1.7)],
        "look at | thoughts | any issues | anything wrong | would you approve | ok to | is it ok | is this a | good practice | best practice | audit | go through | tell me which | passt das | ist das so richtig | está bien | 有问题吗 | 对吗 | 合っていますか | review | lgtm | is this ok | is this right | is this correct | is this safe | look right | looks right | look ok | is it safe | correct way | right way | can i drop | feedback on | code review | sanity check | check this | check my | überprüf* | revisa | 审查 | 看看这 | 是否正确 | レビュー | 確認して",
    ),
    group(
        "kind-design",
        &[(kind(Kind::Design), 1.5)],
        "how do we | how should | how to structure | how to organize | what should we | what would | plan | migrate to | in which order | which of | options | pick | choose | decide | draft | rules for | concept for | wie sollten wir | wie würdet | cómo deberíamos | cómo diseñ* | 怎么设计 | 如何设计 | どう設計 | どうすれば | design | propose | proposal | architecture | trade-off* | how should we | how would you | should we | what should the | recommend | compare | approach | strategy | plan for | what breaks | in what order | which one | how do we | where will it break | split it | 架构 | 设计 | 方案 | 设计 | 設計 | 考えてください | entwurf | diseño | diseña",
    ),
    group(
        "kind-incident",
        &[(kind(Kind::DebugIncident), 1.7)],
        "since yesterday | since this morning | yesterday | last night | once a day | every day at | every night | every hour | dump says | thread dump | in our prod | prod environment | restart fixed | not processing | went down | customers report | users report | spike | ran out | ran dry | logs show | log says | 昨天 | 今天早上 | 突然 | 昨日 | 今朝 | seit gestern | heute morgen | desde ayer | since the deploy | after the deploy | in production | prod is | is down | outage | incident | every six hours | pods | keeps restarting | find out how | find out why | what happened | what to check first | quickest | on-call | oom | memory increase | alerts | 502 | 503 | right now | this morning | what to look at first | seit dem deploy | zuerst prüfen | 线上 | 排查 | 宕机 | 障害 | 原因を調べ*",
    ),
    group(
        "kind-query",
        &[(kind(Kind::DataQuery), 1.3)],
        "sql | rows | csv to | parse this | how many | list all | list the | find files | find regular | find all files | recursively | directories under | print the | drop them | update the rows | delete the rows | groupby | aggregate | sum of | top 10 | per week | per month | 列出 | 多少 | 一覧 | sql query | query | select | how many users | group by | join | pandas | dataframe | grep | awk | sed | csv | update a table | update the table | search for | find all | count the | filter rows | extract the | jq | sort this | ordena | sortiere | cuántos | 查询 | 统计 | クエリ | 集計",
    ),
    group(
        "kind-chat",
        &[(kind(Kind::Chat), 1.4)],
        "who are you | you are a | chat bot | chatbot | your name | follow the user | secret key | password is | don't reveal | do not reveal | outreach email | sing | joke | weather | eres un | sei un | du bist ein | 你是 | あなたは | hi | hello | thanks | thank you | good morning | how are you | tell me a joke | poem | haiku | story | you are a chat bot | personalized outreach | hola | gracias | hallo | danke | 你好 | 谢谢 | こんにちは | ありがとう",
    ),
    group(
        "kind-other",
        &[(kind(Kind::Other), 1.2)],
        "feature | add ability | enhancement request | would be nice | proposal: | plz implement | increase | change the default | make it possible | configurable | option to | enable | disable | set up ci | bump version | release | publish | install | switch | add a line | docs badge | feature request | implement | add support | support for | add the ability | allow specifying | allow | upgrade | bump | update to | enhancement | describe the feature | motivation | setting | configure | git | commit | merge | rebase | improve | increase | introduce | implementing | switch our",
    ),
];
