//! Money: billing, payments, prices, tax, accounting.

use super::{Group, MONEY, Pair, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "charging",
        &[(MONEY, 0.9)],
        "charge twice | charged twice | charges twice | charging people twice | double charge | double-charge | charged double | duplicate charge | duplicate payment | overcharg* | undercharg* | refund* | chargeback | payout | \
        billing | billed | invoice | invoices | invoicing | invoice number | payment_intent | paymentintent | payment intent | stripe | paypal | adyen | braintree | checkout total | checkout amount | \
        prorat* | proration | subscription price | subscription billing | subscription renewal | discount code | coupon | voucher | promo code | loyalty points | gift card | \
        vat | sales tax | tax rate | taxpercentage | taxes | taxable | tax calculation | net amount | gross amount | rounding error | off by a cent | off by one cent | one cent | cents | \
        double entry | double-entry | general ledger | journal entry | debit | accounting | bookkeeping | reconciliation | reconcile | settlement | payroll | salary | salaries | wages | commission | royalt* | interest rate | loan | mortgage | \
        exchange rate | currency conversion | convert currency | foreign exchange | fx rate | minor units | customers pay | customer pays | paid twice | pay twice | pays twice | credit card payment | card payment | card charge | payment fail* | failed payment | payment method | payment provider webhook | \
        bumpfee | fee rate | feerate | transaction fee | fee estimat* |  coin selection | dust | wallet balance | account balance | revenue | mrr | arr | profit | margin | price calculat* | pricing logic | pricing | total price | wrong price | wrong total | wrong amount | \
        rechnung | rechnungen | mehrwertsteuer | mwst | umsatzsteuer | rabatt | preisberechnung | abbuch* | abgebucht | zahlung | gutschrift | buchhaltung | steuer* | factura | facturas | facturación | iva | cobro | cobrar | cobramos | reembols* | descuento | hacienda | impuesto* | \
        发票 | 扣款 | 退款 | 支付 | 税 | 账单 | 金额 | 价格 | 对账 | 优惠券 | 运费 | 請求書 | 請求 | 決済 | 返金 | 消費税 | 料金 | 割引 | 二重課金 | 課金",
    ),
    group(
        "amounts",
        &[(MONEY, 0.45)],
        "price | prices | amount | total | totals | payment | payments | pay | pays | paid | fee | fees | cost | tax | currency | usd | eur | euro | jpy | dollars | balance | order total | cart | checkout | subscription | credits | money | budget | ledger | bank | \
        preis | betrag | precio | importe | pago | saldo | 价 | 钱 | 元 | 金",
    ),
    group(
        "off",
        &[],
        "wrong | too much | too little | twice | double | off by | rounding | round | rounded | rounds | float | incorrect | mismatch | doesn't add up | not match | does not match | 100x | negative | missing | duplicate | cent | extra cent | instead of | \
        falsch | zu viel | doppelt | gerundet | de más | mal | incorrecto | redonde* | 不对 | 错误 | 多扣 | 重复 | 違う | ずれ* | 間違*",
    ),
    code(
        "money-code",
        &[(MONEY, 0.5)],
        "stripe.charge | stripe.refund | gateway.charge | .charge( | charge(userid | capture_payment | create_invoice | ledger.post | calculate_refund | calculate_tax | apply_discount | amount_cents | unit_amount | price_cents",
    ),
    group(
        "plans",
        &[(MONEY, 0.5)],
        "yearly plan | annual plan | monthly plan | plan cancelled | cancel the plan | upgrade plan | downgrade plan | trial | give back | money back | paid | pay out | payouts | paying | shipping cost | shipping fee | shipping | gift cards | voucher | instalment | installment | deposit | tip | tips | rent | settle | settles | settle page | owed | owes | owe | utxo | coins | wallet fee | credit card | card number | luhn | iban | gutschein | versandkosten | zahlen | bezahlt | guthaben | envío | pagan | 运费 | 实付 | 分钱 | 多付 | 支払*",
    ),
    group(
        "bookkeeping",
        &[(MONEY, 0.9)],
        "credit note | dunning | past due | overdue invoice | late fee | billing cycle | billing period | metered billing | usage based billing | usage-based | seat price | per seat | tiered price | price list | price tier | list price | quote | purchase order | tax id | tax exempt | reverse charge | w-9 | 1099 | gst | hst | bonus payment | overtime pay | expense report | expenses report | reimburse* | cash flow | balance sheet | profit and loss | general ledger | trial balance | accrual | depreciation | amortiz* | payment link | checkout session | apple pay | google pay | sepa | direct debit | ach transfer | wire transfer | bank transfer | \
        money type | float for money | decimal for money | bigdecimal for | penny | pennies | cent off | a cent | two cents | basket total | cart total | order total | grand total | subtotal | line item | line items | minimum charge | captured twice | authorised amount | authorized amount | capture the payment | donation | donations | crowdfunding | escrow | wallet top up | top-up | store credit | loyalty | cashback | skonto | lastschrift | überweisung | mahnung | nómina | impuestos | presupuesto | 工资 | 报销 | 余额 | 充值 | 提现 | 汇率 | 税率 | 給与 | 残高 | 送金 | 入金 | 税率",
    ),
    group(
        "money-topic",
        &[(MONEY, 0.5)],
        "discount | discounts | rappen | centime | renewal | renewed although | subscription renewed | accountant | misses the refunds | points expire | points | spend them | business customers | net price | gross price | price rounding | round to 5 | round up to | expense | expenses | currencies | currency | euros | credit the | what do we credit | credit back | mid-month | pro rata | pro-rata | per month charge | stock option | vesting | shares | dividend | trading | trade price | broker fee | fee | fees | price | prices | pricing | cost of | budget | invoice | bill | bills | tax | vat | sum of the positions | rechnungssumme | rechnungs* | betrag | beträge | kosten | preise | cent | gebühr* | coste | costes | importe | 费用 | 金额 | 计费 | 费率 | 手数料 | 金額 | 価格 | 税込",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("amounts", "off", 50, &[(MONEY, 0.6)]),
    pair("charging", "off", 80, &[(MONEY, 0.3)]),
    pair("amounts", "people", 60, &[(MONEY, 0.25)]),
    pair("charging", "amounts", 80, &[(MONEY, 0.25)]),
    pair("amounts", "money-code", 500, &[(MONEY, 0.3)]),
    pair("plans", "off", 70, &[(MONEY, 0.6)]),
    pair("plans", "amounts", 70, &[(MONEY, 0.35)]),
    pair("plans", "people", 60, &[(MONEY, 0.2)]),
    pair("money-topic", "off", 80, &[(MONEY, 0.4)]),
    pair("money-topic", "people", 60, &[(MONEY, 0.2)]),
    pair("money-topic", "amounts", 40, &[(MONEY, 0.2)]),
];
