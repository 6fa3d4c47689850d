"""Questions that the documents answer: which section answers them, and how customers put them.

Data only; `fragment` is a piece of the section that a right answer must contain.
"""

from typing import NamedTuple


class Question(NamedTuple):
    intent: str
    section: str
    fragment: str
    phrases: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question(
        "membership_question", "membership.md#what-the-membership-includes",
        "free standard shipping, ten percent off",
        ("What does the membership include?", "Which advantages do members have?",
         "Is it worth becoming a member, what is included?", "What are the perks of a membership?"),
    ),
    Question(
        "membership_question", "membership.md#what-the-membership-costs",
        "49.00 euros a year or 4.90 euros a month",
        ("What does the membership cost?", "What is the price of a membership per year?",
         "How expensive is it to become a member?", "What would I pay for the membership?"),
    ),
    Question(
        "membership_question", "membership.md#renewal-of-the-membership",
        "renews by itself at the end of each term",
        ("Will my membership be renewed by itself?",
         "On what date is my membership renewed, do I get a reminder?",
         "Do I get a reminder before the membership renewal?"),
    ),
    Question(
        "membership_question", "membership.md#switching-between-monthly-and-annual",
        "From monthly to annual the annual fee is charged at once",
        ("I'm a monthly member, can I switch to the annual membership?",
         "How do I switch my membership from annual to monthly?",
         "When does switching between the membership plans take effect?"),
    ),
    Question(
        "membership_question", "membership.md#family-members",
        "everybody who lives at the same address",
        ("Can my wife use my membership as well?", "Does one membership cover the whole family?",
         "Does everybody in my family need a membership of their own?"),
    ),
    Question(
        "exchange_item", "exchanges.md#swapping-for-another-size-or-colour",
        "exchange unused goods within 60 days",
        ("The {item} is too small, can I exchange it for a bigger size?",
         "I'd like to swap my {item} for another colour.",
         "Can I have the {item} exchanged for the next size?",
         "Wrong colour chosen, I want to exchange the {item}."),
    ),
    Question(
        "exchange_item", "exchanges.md#when-the-other-size-is-sold-out",
        "size you want is gone or sold out",
        ("I want to exchange the {item}, but my size is sold out. What happens?",
         "What happens with my exchange when the other size is gone?"),
    ),
    Question(
        "exchange_item", "exchanges.md#when-the-new-article-has-another-price",
        "we send you a payment link",
        ("I'd like to exchange the {item} for one with another price. How does that work?",
         "Do I pay the difference if I exchange for an article that costs more?"),
    ),
    Question(
        "shipping_options", "shipping.md#what-shipping-costs",
        "Standard shipping costs 4.90 euros",
        ("What are your shipping costs?", "Is shipping free for bigger orders?",
         "How much do you charge for standard shipping?", "What is the fee for express shipping?"),
    ),
    Question(
        "shipping_options", "shipping.md#how-long-delivery-takes",
        "three to five working days",
        ("How many working days does a standard delivery take?",
         "How fast is express delivery if I order in the morning?",
         "What is the usual delivery time to Belgium?"),
    ),
    Question(
        "shipping_options", "shipping.md#countries-we-deliver-to",
        "to Norway and to Switzerland",
        ("Which countries do you deliver to?", "Do you ship to Switzerland?",
         "Is delivery to Norway possible, and who pays the customs?",
         "I live in Portugal, can you deliver to my country?"),
    ),
    Question(
        "shipping_options", "shipping.md#pick-up-points-and-parcel-lockers",
        "The parcel waits there for seven days",
        ("Can I have it delivered to a pick-up point?",
         "How long does a parcel wait in the parcel locker?",
         "Do you offer delivery to parcel lockers?"),
    ),
    Question(
        "payment_methods", "payment-methods.md#which-ways-to-pay-we-accept",
        "by bank transfer in advance, by instalments",
        ("Which ways of paying do you accept in the shop?", "Do you accept crypto or cheques?",
         "What are the payment options in your online shop?"),
    ),
    Question(
        "payment_methods", "payment-methods.md#when-the-money-is-taken",
        "We collect it on the day the goods leave",
        ("When is the money for my order taken?", "Do you charge me at checkout or on dispatch?",
         "On which day is the amount of an order collected?"),
    ),
    Question(
        "payment_methods", "payment-methods.md#when-a-payment-fails-at-checkout",
        "If it fails twice, choose another way to pay",
        ("My payment failed at the checkout, what can I do?",
         "The checkout of your shop keeps declining my payment.",
         "I cannot complete the checkout, the payment fails."),
    ),
    Question(
        "payment_methods", "payment-methods.md#paying-by-instalments",
        "three equal parts without interest",
        ("Can I pay an order in instalments?", "How do instalments work, is there interest?",
         "I'd like to pay the order in parts. Is that possible?"),
    ),
    Question(
        "gift_cards", "gift-cards.md#how-long-a-gift-card-is-valid",
        "valid for five years",
        ("Until when is a gift card valid?", "Does my gift card expire, or is it valid for years?",
         "I found an old gift card in a drawer. Is it still valid?"),
    ),
    Question(
        "gift_cards", "gift-cards.md#checking-what-is-left-on-a-gift-card",
        "Enter the sixteen digits",
        ("How can I check what is left on my gift card?", "Where can I see a gift card's value?",
         "How much money is left on my gift card?"),
    ),
    Question(
        "gift_cards", "gift-cards.md#using-more-than-one-gift-card",
        "up to five gift cards for one order",
        ("May I use several gift cards for one order?",
         "Can I pay one order with three gift cards at once?",
         "I have two gift cards, can I use both together?"),
    ),
    Question(
        "gift_cards", "gift-cards.md#lost-gift-cards",
        "we block a lost gift card",
        ("My gift card is lost. Can I get a new one?", "I've lost a gift card, is the money gone?",
         "Can you replace a lost gift card if I have the receipt?"),
    ),
    Question(
        "gift_cards", "gift-cards.md#paying-out-a-gift-card",
        "Gift cards are not paid out in money",
        ("Can a gift card be paid out as money?", "I'd rather have money than the gift card.",
         "Is it possible to have the gift card paid out in cash?"),
    ),
    Question(
        "promo_codes", "promo-codes.md#why-a-promo-code-is-refused",
        "a code is refused when it has expired",
        ("Why is my promo code refused?", "The promo code is not accepted in my basket.",
         "Your shop refuses my discount code, what is wrong with it?"),
    ),
    Question(
        "promo_codes", "promo-codes.md#more-than-one-promo-code",
        "only one code can be used per order",
        ("Can I enter more than one promo code?", "Is it allowed to combine several promo codes?",
         "I have two codes, can both be used for one order?"),
    ),
    Question(
        "promo_codes", "promo-codes.md#adding-a-promo-code-after-ordering",
        "cancel it and order again with the code",
        ("I ordered without my promo code, can you add it afterwards?",
         "Forgot the promo code. Could it be added to my order later?",
         "Can a promo code be added after ordering?"),
    ),
    Question(
        "promo_codes", "promo-codes.md#the-welcome-code",
        "welcome code of ten percent",
        ("I signed up for the newsletter, when do I get the welcome code?",
         "The welcome code for new subscribers never came.",
         "How do I get the newsletter welcome code?"),
    ),
    Question(
        "sizing_advice", "sizing.md#jackets-and-shirts",
        "Our jackets are cut for a thin layer",
        ("My chest measures 102 cm at its widest point, what size of jacket do I need?",
         "Are your jackets cut rather narrow?", "Between two jacket sizes, which one is better?"),
    ),
    Question(
        "sizing_advice", "sizing.md#boots-and-shoes",
        "half a size to one size larger",
        ("Should I take hiking boots one size larger?", "How do I find the right boot size?",
         "I wear street shoes in 41, which size of hiking boots fits me?"),
    ),
    Question(
        "sizing_advice", "sizing.md#backpacks",
        "Measure from the bone at the base of your neck",
        ("Which backpack size fits my back?",
         "How is a backpack measured, along the neck and the back?",
         "My back is 48 cm long, is that backpack size S or M?"),
    ),
    Question(
        "sizing_advice", "sizing.md#children",
        "Children's sizes follow body height",
        ("What size do children need who are 116 cm tall?",
         "Do your sizes for children go by age or by height?",
         "How much room to grow should I leave in children's sizes?"),
    ),
    Question(
        "sizing_advice", "sizing.md#gloves-and-hats",
        "measure around the widest part of your hand",
        ("How do I measure my hand for gloves?", "Which size of gloves and hats do I need?",
         "What hat size fits a head of 59 cm?"),
    ),
    Question(
        "warranty_claim", "warranty.md#how-long-the-warranty-lasts",
        "a warranty of two years from the day of delivery",
        ("How many years of warranty do you give?", "How long does the warranty for a tent last?",
         "What is the warranty period of your own brand?"),
    ),
    Question(
        "warranty_claim", "warranty.md#what-the-warranty-covers",
        "faults in material and workmanship",
        ("What does the warranty cover and what not?", "Does the warranty cover washing mistakes?",
         "Are accidents covered by the warranty?"),
    ),
)  # fmt: skip
