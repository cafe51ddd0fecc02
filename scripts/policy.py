#!/usr/bin/env python3
"""What a policy costs and what its answers are worth, on prompts whose outcomes on two models are known.

  policy.py DATA OUT --rules "COMMAND" --train "COMMAND"       (`make policy DATA=DIR OUT=DIR` fills these in)

Six policies: the large model for all, the small one for all, a coin, the shipped rules, the trained router, and an oracle
that knows both outcomes. The router's scores are cross-validated: no prompt is judged by a model that learnt from it. Its
threshold for each fifth of the prompts is fixed on the other fifths. Costs are those that were recorded, else the ratio of
list prices. Needs numpy and matplotlib.
"""
import argparse, glob, gzip, hashlib, json, os, shlex, subprocess
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

# source: (title, small, large, how many times as dear where no cost is recorded)
SOURCES = {
    'swebench_verified': ('SWE-bench Verified (sessions)', 'gpt-5-mini', 'claude-4.5-opus-medium', 10.0),
    'livecodebench': ('LiveCodeBench', 'gpt-4o-mini-2024-07-18', 'claude-3.5-sonnet-20241022', 20.0),
    'bfcl': ('BFCL (tool calls)', 'claude-3-haiku-20240307', 'claude-3-5-sonnet-20240620', 12.0),
    'humaneval10': ('HumanEval', 'gpt-3.5-turbo', 'gpt-4', 20.0),
    'routerbench_mbpp': ('MBPP', 'mixtral-8x7b-chat', 'gpt-4-1106-preview', 10.0),
    'zeroeval_crux': ('CRUX', 'gpt-4o-mini-2024-07-18', 'gpt-4o-2024-08-06', 16.7),
}
QUALITY = 0.97      # of the large model's: what the router's thresholds are made for
PARTS = 5

def rows_of(data):
    found = {source: [] for source in SOURCES}
    for path in sorted(glob.glob(data + '/*.jsonl') + glob.glob(data + '/*.jsonl.gz')):
        with (gzip.open(path, 'rt', encoding='utf-8') if path.endswith('.gz') else open(path, encoding='utf-8')) as lines:
            for line in lines:
                row = json.loads(line)
                if row['source'] in found: found[row['source']].append(row)
    return found

def decided(command, rows):
    lines = ''.join(json.dumps({'id': row['id'], 'prompt': row['prompt']}) + '\n' for row in rows)
    done = subprocess.run(shlex.split(command), input=lines, stdout=subprocess.PIPE, text=True, check=True)
    return {line['id']: line for line in map(json.loads, done.stdout.splitlines())}

def trained(command, data, source, out):
    title, small, large, ratio = SOURCES[source]
    scores = os.path.join(out, f'{source}.csv')
    subprocess.run(shlex.split(command) + ['--data', data, '--sources', source, '--pair', f'{small}:{large}:{ratio}', '--scores', scores],
                   stdout=subprocess.DEVNULL)     # exit code 1: no better than chance; the picture shows it
    with open(scores) as lines:
        return dict((line.rsplit(',', 1)[0], float(line.rsplit(',', 1)[1])) for line in list(lines)[1:])

def threshold(scores, small, large):
    """the highest score from which on the large model answers, so that QUALITY of its quality is kept"""
    best = -np.inf
    for bound in np.unique(scores):
        if np.where(scores >= bound, large, small).sum() >= QUALITY * large.sum(): best = max(best, bound)
    return best

def figures(rows, source, decisions, scores):
    title, small, large, ratio = SOURCES[source]
    quality = {name: np.array([row['outcomes'][model]['score'] for row in rows], float) for name, model in (('small', small), ('large', large))}
    cost = {name: [row['outcomes'][model].get('cost_usd') for row in rows] for name, model in (('small', small), ('large', large))}
    recorded = all(value is not None for values in cost.values() for value in values)
    if recorded: cost = {name: np.array(values, float) for name, values in cost.items()}
    else: cost = {'large': np.ones(len(rows)), 'small': np.ones(len(rows)) / ratio}
    point = lambda sent: (np.where(sent, cost['large'], cost['small']).sum() / cost['large'].sum(), np.where(sent, quality['large'], quality['small']).mean())
    score = np.array([scores[row['id']] for row in rows])
    part = np.array([hashlib.sha256(('part' + (row.get('cluster') or row['id'])).encode()).digest()[0] % PARTS for row in rows])
    routed = np.zeros(len(rows), bool)
    for one in range(PARTS):
        rest = part != one
        routed[part == one] = score[part == one] >= threshold(score[rest], quality['small'][rest], quality['large'][rest])
    rules = np.array([decisions[row['id']]['tier'] != 'cheap' for row in rows])
    gain = quality['large'] - quality['small']
    order = np.argsort(-score, kind='stable')
    curve = [point(np.isin(np.arange(len(rows)), order[:count])) for count in np.linspace(0, len(rows), 41).astype(int)]
    middle = point(np.ones(len(rows), bool)), point(np.zeros(len(rows), bool))
    policies = {'all large': middle[0], 'all cheap': middle[1], 'random half': tuple(np.mean(middle, axis=0)), 'shipped rules': point(rules),
                'trained router': point(routed), 'oracle': point(gain > 0)}
    rng = np.random.default_rng(1)
    clusters = {}
    for place, row in enumerate(rows): clusters.setdefault(row.get('cluster') or row['id'], []).append(place)
    clusters = list(clusters.values())
    kept = []
    for _ in range(1000):
        drawn = np.concatenate([clusters[i] for i in rng.integers(0, len(clusters), len(clusters))])
        kept.append(np.where(routed, quality['large'], quality['small'])[drawn].sum() / max(quality['large'][drawn].sum(), 1e-9))
    return {'title': title, 'small': small, 'large': large, 'recorded': recorded, 'n': len(rows), 'policies': policies, 'curve': curve,
            'kept': np.percentile(kept, [2.5, 97.5])}

STYLE = {'all large': ('s', '#b3261e'), 'all cheap': ('s', '#5f6368'), 'random half': ('x', '#5f6368'), 'shipped rules': ('D', '#1a73e8'),
         'trained router': ('o', '#188038'), 'oracle': ('*', '#f29900')}

def picture(results, path):
    fig, axes = plt.subplots(2, 3, figsize=(15, 8.6))
    for ax, result in zip(axes.flat, results):
        policies = result['policies']
        ends = np.array([policies['all cheap'], policies['all large']])
        ax.plot(100 * ends[:, 0], 100 * ends[:, 1], '--', color='#9aa0a6', lw=1, zorder=1)
        curve = np.array(result['curve'])
        ax.plot(100 * curve[:, 0], 100 * curve[:, 1], '-', color='#188038', lw=1.2, alpha=.55, zorder=1)
        for name, (cost, quality) in policies.items():
            marker, colour = STYLE[name]
            ax.scatter(100 * cost, 100 * quality, marker=marker, color=colour, s=150 if marker == '*' else 62, zorder=3, label=name)
        ax.set_title(f"{result['title']}, {result['n']} prompts\n{result['small']} → {result['large']}", fontsize=9.5)
        ax.set_xlabel('cost, % of the large model for all' + ('' if result['recorded'] else ' (ratio of list prices)'), fontsize=8.5)
        ax.set_ylabel('quality, %', fontsize=8.5)
        ax.grid(alpha=.25); ax.tick_params(labelsize=8); ax.margins(.08)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc='lower center', ncol=6, frameon=False, fontsize=10)
    fig.suptitle('What a policy costs, and what its answers are worth: up and to the left is better. Green line: the trained router at every '
                 'threshold (cross-validated); dashed: chance', fontsize=10.5)
    fig.tight_layout(rect=(0, .04, 1, .97)); fig.savefig(path, dpi=110); plt.close(fig)

def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('data'); ask.add_argument('out'); ask.add_argument('--rules', required=True); ask.add_argument('--train', required=True)
    given = ask.parse_args()
    os.makedirs(given.out, exist_ok=True)
    results = []
    for source, rows in rows_of(given.data).items():
        if rows: results.append(figures(rows, source, decided(given.rules, rows), trained(given.train, given.data, source, given.out)))
    lines = ['| prompts | ' + ' | '.join(STYLE) + ' | router keeps of the large model\'s quality |', '|---|' + '---|' * (len(STYLE) + 1)]
    for result in results:
        cells = [f'{100 * quality:.1f} % for {100 * cost:.0f} %' for cost, quality in (result['policies'][name] for name in STYLE)]
        low, high = result['kept']
        kept = result['policies']['trained router'][1] / result['policies']['all large'][1]
        lines.append(f"| {result['title']} ({result['n']}) | " + ' | '.join(cells) + f' | {100 * kept:.1f} [{100 * low:.1f}, {100 * high:.1f}] % |')
    table = '\n'.join(lines) + '\n'
    print('quality for cost; cost as a share of the large model for all\n\n' + table)
    with open(os.path.join(given.out, 'policy.md'), 'w') as file: file.write(table)
    picture(results, os.path.join(given.out, 'policy.png'))
    print(os.path.join(given.out, 'policy.png'))

if __name__ == '__main__': main()
